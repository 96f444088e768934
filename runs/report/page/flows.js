// Energy carried between communities: arrows as wide as there is much, above a threshold, of all or one.

const MOST_ARROWS = 60;

// What is shown of the flows of a run, on all of its maps.
class FlowChoice {
  constructor(runs, redraw) {
    Object.assign(this, { runs, redraw, share: 0, community: '' });
    this.most = Math.max(...runs.map(({ flows }) => flows.kwh.reduce((a, b) => Math.max(a, b), 0)));
    const place = document.getElementById('flow-choice');
    place.hidden = !(this.most > 0);
    this.slider = document.getElementById('flow-threshold');
    this.shown = document.getElementById('flow-shown');
    this.slider.addEventListener('input', () => this.change());
    const names = [...new Set(runs.flatMap(({ communities }) => communities.map(({ name }) => name)))];
    const choice = document.getElementById('flow-community');
    choice.add(new Option('all communities', ''));
    names.forEach((name) => choice.add(new Option(name, name)));
    choice.addEventListener('change', () => {
      this.community = choice.value;
      this.redraw();
    });
    this.change();
  }

  // Flows differ by powers of ten, so that the slider goes by its square.
  get threshold() {
    return this.most * this.share ** 2;
  }

  change() {
    this.share = Number(this.slider.value) / 100;
    this.shown.textContent = this.share ? `${digits(this.threshold)} kWh` : 'any';
    this.redraw();
  }

  // The flows of a step that are drawn, largest last, and how many there are above the threshold.
  of(run, strategy, step, most = MOST_ARROWS) {
    const { first, origin, destination, kwh } = run.flows;
    const at = strategy * (run.window[1] - run.window[0]) + step;
    const wanted = run.communities.findIndex(({ name }) => name === this.community);
    const found = [];
    for (let n = first[at]; n < first[at + 1]; n += 1) {
      if (kwh[n] < this.threshold) continue;
      if (this.community && origin[n] !== wanted && destination[n] !== wanted) continue;
      found.push(n);
    }
    found.sort((a, b) => kwh[a] - kwh[b]);
    return { drawn: found.slice(-most), all: found.length };
  }
}
