// The page: which run and strategy each column shows, and what follows the clock.

const THEMES = ['system', 'light', 'dark'];

function remember(value) {
  try {
    if (value !== undefined) localStorage.setItem('hmesh-theme', value);
    return localStorage.getItem('hmesh-theme');
  } catch {
    return null; // a page from disk may not be allowed to
  }
}

function paint(choice) {
  const system = window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = choice === 'system' ? system : choice;
  document.getElementById('theme').textContent = `Theme: ${choice}`;
}

class Page {
  constructor(runs) {
    this.runs = runs;
    for (const run of runs) run.time = new RunTime(run);
    this.views = this.columns();
    const ends = runs.map((run) => run.window.map((step) => step * run.step_h));
    const first = Math.min(...ends.map(([begin]) => begin)), last = Math.max(...ends.map(([, end]) => end));
    this.clock = new Clock(first, last, runs[0].step_h, (hours) => runs[0].time.text(hours));
    this.follow = [];
    this.makeMaps();
    this.makeTables();
    this.makeCharts();
    this.spans();
    this.makeGrids();
    this.clock.listen((now) => {
      this.turn(now);
      this.follow.forEach((part) => part.at(now));
    });
    this.clock.paused = () => this.settle();
    this.clock.set(first);
    for (const radio of document.getElementsByName('span')) radio.addEventListener('change', () => this.again());
  }

  // One column for each run; a single run is shown under its first and its last strategy.
  columns() {
    const last = (run) => run.strategies.length - 1;
    if (this.runs.length > 1) return this.runs.map((run) => ({ run, strategy: last(run) }));
    const [run] = this.runs;
    return last(run) ? [{ run, strategy: 0 }, { run, strategy: last(run) }] : [{ run, strategy: 0 }];
  }

  // A cell for each column that has what is shown; without any, its section is not there.
  cells(part, has = () => true) {
    const place = document.querySelector(`[data-part="${part}"]`);
    const below = place.previousElementSibling?.tagName === 'H3' ? 4 : 3;
    const made = this.views.filter(({ run }) => has(run)).map((view) => {
      const cell = element('div', undefined, 'cell');
      const head = element('h4');
      head.setAttribute('aria-level', below);
      cell.append(head);
      (view.heads ??= []).push(head);
      place.append(cell);
      return [cell, view];
    });
    if (!made.length) this.drop(place);
    return made;
  }

  drop(place) {
    const before = place.previousElementSibling;
    if (before?.tagName === 'H3') before.remove();
    const section = place.closest('section');
    place.remove();
    if (!section.querySelector('.cells')) {
      section.hidden = true;
      document.querySelector(`nav a[href="#${section.id}"]`)?.remove();
    }
  }

  makeMaps() {
    const redraw = () => this.views.forEach(({ map }) => map?.draw(map.now));
    this.flowChoice = new FlowChoice(this.runs, redraw);
    this.overviews = overviews(this.runs, (run, step) => {
      this.tabs.go('moving');
      this.clock.pause();
      this.clock.set((run.window[0] + step) * run.step_h);
    });
    // Maps of one run are enlarged and moved together.
    const frames = new Map(this.runs.map((run) => [run, new MapFrame(run.map)]));
    for (const [cell, view] of this.cells('map')) {
      const map = new CommunityMap(cell, view, this.flowChoice, frames.get(view.run), redraw);
      view.map = map;
      this.follow.push({ at: (now) => map.draw(now) });
    }
    for (const view of this.views) this.chooser(view);
    this.explainMap();
  }

  // The head of a column: what it shows, and a choice of another strategy.
  chooser(view) {
    const [head] = view.heads;
    const choice = element('select');
    choice.setAttribute('aria-label', 'Strategy shown');
    view.run.strategies.forEach(({ label }, n) => choice.add(new Option(label, n, n === view.strategy, n === view.strategy)));
    choice.addEventListener('change', () => {
      view.strategy = Number(choice.value);
      this.again();
    });
    view.choice = choice;
    head.append(element('span'), choice);
  }

  name(view) {
    const { label, colour } = view.run.strategies[view.strategy];
    view.heads.forEach((head, n) => {
      const mark = element('i', undefined, 'swatch');
      mark.style.background = themed(colour);
      const run = this.runs.length > 1 ? `${view.run.name}: ` : '';
      head.replaceChildren(mark, element('span', n ? run + label : run.slice(0, -2) || ''));
      if (!n) head.append(view.choice);
    });
  }

  makeTables() {
    const span = () => document.querySelector('input[name="span"]:checked').value;
    this.redo = [];
    const add = (part, has, make) => {
      for (const [cell, view] of this.cells(part, has)) make(cell, view);
    };
    const following = (made) => {
      this.follow.push(made);
      this.redo.push(() => made.at(this.clock.now, true));
    };
    const written = (write) => (cell, view) => {
      const head = cell.firstChild;
      this.redo.push(() => {
        cell.replaceChildren(head);
        write(cell, view);
      });
    };
    const moving = (run) => Boolean(run.paths && run.paths.exchanged.shape[1]);
    add('moment', undefined, (cell, view) => following(new MomentTable(cell, view)));
    if (!this.runs.some(moving)) document.querySelector('.choice').remove();
    add('matrix', moving, (cell, view) => following(new ChargingMatrix(cell, view, span)));
    add('paths', (run) => Boolean(run.paths && run.communities.length <= MANY), written(pathsTable));
    add('payments', (run) => Object.values(run.payments.rows).some((rows) => rows.length), written(paymentTable));
  }

  makeCharts() {
    const section = document.getElementById('charts');
    const names = [...new Set(this.runs.flatMap((run) => run.charts.map((chart) => chart.name)))];
    this.charts = [];
    for (const name of names) {
      const have = this.runs.map((run) => run.charts.find((chart) => chart.name === name)).filter(Boolean);
      const head = element('h3', have[0].heading);
      const fold = element('details', undefined, 'alike');
      const place = element('div', undefined, 'cells');
      place.dataset.part = `chart-${name}`;
      fold.append(element('summary'), place);
      section.append(head, fold);
      const limits = this.commonLimits(have);
      const single = '' in have[0].traces;
      const views = single ? this.runs.map((run) => ({ run })) : this.views;
      for (const view of views) {
        const chart = view.run.charts.find((held) => held.name === name);
        if (chart) this.chart(place, view, chart, limits, single);
      }
      const together = () => this.foldAlike(head, fold, have[0]);
      this.redo.push(together);
      together();
    }
  }

  // A chart that is the same under both strategies of a run is one line, and one cell once opened.
  foldAlike(head, fold, chart) {
    const names = [...new Set(this.views.map(({ strategy }) => this.runs[0].strategies[strategy].name))];
    const firsts = new Set(names.map((name) => chart.alike[name]));
    const same = this.runs.length === 1 && this.views.length > 1 && !('' in chart.traces) && firsts.size === 1;
    const labels = names.map((name) => this.runs[0].strategies.find((one) => one.name === name).label);
    const [summary, place] = fold.children;
    summary.textContent = `${chart.heading}: the same under ${labels.join(' and ')}`;
    head.hidden = same;
    summary.hidden = !same;
    if (fold.dataset.same !== String(same)) fold.open = !same;
    fold.dataset.same = same;
    [...place.children].forEach((cell, n) => { cell.hidden = same && n > 0; });
  }

  // How much of a long run the charts show: all of it, or a week or a day of the clock.
  spans() {
    const hours = Math.max(...this.runs.map((run) => run.steps * run.step_h));
    const choice = document.getElementById('shown');
    const spans = [['the whole run', null], ['a week', 168], ['a day', 24]].filter(([, span]) => !span || span < hours * 0.75);
    choice.hidden = spans.length < 2;
    choice.append(...spans.map(([text, span], n) => {
      const label = element('label');
      const radio = Object.assign(element('input'), { type: 'radio', name: 'shown', checked: !n });
      radio.addEventListener('change', () => {
        this.span = span;
        this.page = null;
        this.turn(this.clock.now);
      });
      label.append(radio, ` ${text}`);
      return label;
    }));
  }

  // Turn over to the days in which the clock is.
  turn(now) {
    if (!this.charts || this.span === undefined) return;
    const page = this.span ? Math.floor(now / this.span + 1e-9) : 0;
    if (page === this.page) return;
    this.page = page;
    for (const chart of this.charts) {
      const end = chart.run.steps * chart.run.step_h;
      const range = this.span ? [page * this.span, Math.min((page + 1) * this.span, end)] : [0, end];
      if (range[0] < range[1]) chart.show(range);
    }
    this.settle();
  }

  // Draw what nobody looks at one by one, while there is time.
  settle() {
    const next = this.clock.playing ? null : this.charts.find((chart) => chart.stale);
    if (!next) return;
    next.draw();
    setTimeout(() => this.settle(), 0);
  }

  // The same scale for charts that stand side by side, where they have the same unit.
  commonLimits(charts) {
    const same = charts.every((chart) => chart.limits && chart.unit === charts[0].unit);
    if (!same) return null;
    return [Math.min(...charts.map(({ limits }) => limits[0])), Math.max(...charts.map(({ limits }) => limits[1]))];
  }

  chart(place, view, chart, limits, single) {
    const cell = element('div', undefined, 'cell');
    const head = element('h4', single ? view.run.name : '');
    // A chart of a run alone has the heading above it.
    if (!single || this.runs.length > 1) cell.append(head);
    if (!single) view.heads.push(head);
    place.append(cell);
    const key = () => (single ? '' : view.run.strategies[view.strategy].name);
    const made = new TimeChart(cell, chart, view.run, key(), limits || chart.limits, this.clock);
    this.charts.push(made);
    this.follow.push(made);
    this.redo.push(() => {
      made.key = key();
      made.draw();
    });
  }

  makeGrids() {
    for (const [cell, view] of this.cells('grid', (run) => Boolean(run.grid))) {
      const tree = new GridTree(cell, view);
      this.follow.push(tree);
      this.redo.push(() => {
        tree.width = 0;
        tree.lay();
        tree.at(this.clock.now);
      });
    }
    this.again();
  }

  // What a dot stands for; how many of the vehicles are drawn, where it is not all.
  dots() {
    const thinned = this.runs.find(({ drawn }) => drawn.vehicles < drawn.recorded);
    if (!thinned) return 'dot: a vehicle';
    return `dot: a vehicle (${whole(thinned.drawn.vehicles)} of ${whole(thinned.drawn.recorded)} are drawn)`;
  }

  explainMap() {
    const some = (has) => this.runs.some(has);
    const entries = ['<span>ring: load as a share of the highest</span>'];
    const [run] = this.runs;
    const range = this.runs.map(priceRange).find(Boolean);
    if (range) entries.push(`<span>circle: price <data id="price-low"></data> <i class="scale" id="price-scale"></i> <data id="price-high"></data> ${run.currency}/kWh</span>`);
    if (some(({ vehicles }) => vehicles)) entries.push(`<span>${this.dots()}, empty <i class="scale" id="soc-scale"></i> full</span>`);
    if (some(({ hours }) => hours.waiting)) entries.push('<span><i class="badge"></i> vehicles that wait for a charger</span>');
    if (some(({ flows }) => flows.kwh.length)) entries.push('<span><i class="line" style="border-color: var(--accent)"></i> energy brought from one community and given in another</span>');
    if (some(({ map }) => map.areas.length)) entries.push('<span>shaded: areas of communities</span>');
    const scale = some(({ map }) => !map.to_scale) ? ', not to scale' : '';
    if (some(({ map }) => map.roads.length || map.network)) entries.push(`<span><i class="line" style="border-color: var(--road)"></i> road${scale}</span>`);
    document.getElementById('map-legend').innerHTML = entries.join('');
    if (range) ['low', 'high'].forEach((end, n) => {
      const place = document.getElementById(`price-${end}`);
      Object.assign(place, { value: range[n], textContent: digits(range[n]) });
    });
  }

  // Everything again: another strategy, span or theme.
  again() {
    for (const view of this.views) {
      this.name(view);
      view.map.colours();
    }
    this.overviews.forEach((map) => map.colours());
    for (const [id, colours] of [['soc-scale', socColours(6)], ['price-scale', priceColours(6)]]) {
      const scale = document.getElementById(id);
      if (scale) scale.style.background = `linear-gradient(90deg, ${colours.join(', ')})`;
    }
    this.redo.forEach((redo) => redo());
    hints();
  }
}

async function main() {
  let theme = remember() || 'system';
  paint(theme);
  const text = (id) => document.getElementById(id).textContent;
  await begin(text('library'));
  const page = new Page(await unpack(JSON.parse(text('data')), text('arrays')));
  const repaint = () => {
    paint(theme);
    page.again();
  };
  document.getElementById('theme').addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember(theme);
    repaint();
  });
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
  takeTables();
  takeCharts(page.charts);
  page.tabs = new Tabs(() => page.again());
  window.hmesh = page;
  document.documentElement.dataset.ready = 'yes';
}

main();
