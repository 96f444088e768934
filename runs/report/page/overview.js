// The map of the first screen: each run under its last strategy, in the step of most flows.

const OVERVIEW_HEIGHT = 440;
const OVERVIEW_ARROWS = 8;

// The step in which most energy is carried between communities; without any, that of the highest load.
function stepOfMost(run, strategy) {
  const steps = run.window[1] - run.window[0];
  const carried = (step) => {
    let sum = 0;
    for (let n = run.flows.first[strategy * steps + step]; n < run.flows.first[strategy * steps + step + 1]; n += 1) sum += run.flows.kwh[n];
    return sum;
  };
  const load = (step) => run.communities.reduce((sum, _, m) => sum + part(run.hours.net_kwh, strategy, m)[step], 0);
  const highest = (value) => {
    let best = 0, most = value(0);
    for (let step = 1; step < steps; step += 1) {
      const held = value(step);
      if (held > most) [best, most] = [step, held];
    }
    return [best, most];
  };
  const [step, most] = highest(carried);
  return most > 0 ? { step, most } : { step: highest(load)[0], most: 0 };
}

// The largest flows of a step, whatever the reader chose for the moving map.
const largest = {
  community: '',
  of: (run, strategy, step) => FlowChoice.prototype.of.call({ threshold: 0, community: '' }, run, strategy, step, OVERVIEW_ARROWS),
};

// A map, what it shows, and a way to the moving one, for each run that has more than one place.
function overviews(runs, open) {
  const place = document.querySelector('[data-part="overview"]');
  const shown = runs.filter((run) => run.map.places.length > 1);
  if (!shown.length) {
    // The results of the strategies take the place of a map that would show nothing.
    place.replaceWith(document.getElementById('words') ?? '');
    return [];
  }
  return shown.map((run) => {
    const strategy = run.strategies.length - 1;
    const { step, most } = stepOfMost(run, strategy);
    const hours = (run.window[0] + step) * run.step_h;
    const cell = element('div', undefined, 'cell');
    const what = most > 0 ? `${digits(most)} kWh are carried between communities, the most of all steps` : 'the highest load';
    const name = runs.length > 1 ? `${run.name}: ` : '';
    cell.append(element('p', `${name}${run.strategies[strategy].label}, ${run.time.text(hours)}: ${what}`, 'finding'));
    place.append(cell);
    const frame = new MapFrame(run.map);
    const map = new CommunityMap(cell, { run, strategy }, largest, frame, () => map.draw(map.now), OVERVIEW_HEIGHT);
    map.draw(hours);
    cell.append(button('All steps on the map', 'Open the moving map at this step', () => open(run, step)));
    return map;
  });
}
