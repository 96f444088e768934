// The tables that follow the clock, and those of the whole run.

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function table(heads, rows, className) {
  const made = element('table', undefined, className);
  const head = element('tr');
  head.append(...heads.map((text) => {
    const cell = element(text ? 'th' : 'td', text);
    if (text) cell.scope = 'col';
    return cell;
  }));
  const thead = element('thead');
  thead.append(head);
  const body = element('tbody');
  const cells = rows.map((row) => {
    const line = element('tr');
    const name = element('th', row[0]);
    name.scope = 'row';
    const values = row.slice(1).map((value) => element('td', value));
    line.append(name, ...values);
    body.append(line);
    return values;
  });
  made.append(thead, body);
  const scroll = element('div', undefined, 'scroll');
  scroll.append(made, takeTable(made));
  return { scroll, cells };
}

const COLUMNS = [
  ['net_kwh', 'load', true],
  ['community_price', 'price', false],
  ['vehicles_present', 'plugged in', false],
  ['waiting', 'waiting', false],
  ['fixed_load_kwh', 'homes and buildings', true],
  ['generation_kwh', 'generation', true],
  ['home_storage_kwh', 'own batteries', true],
  ['shared_storage_kwh', 'shared storage', true],
  ['school_bus_kwh', 'school buses give', true],
  ['ev_kwh', 'vehicles', true],
];

// Load and price of each community in the step of the clock.
class MomentTable {
  constructor(cell, view) {
    this.view = view;
    const { run } = view;
    this.columns = COLUMNS.filter(([name]) => run.hours[name]);
    const heads = ['', ...this.columns.map(([name, text]) => (name === 'community_price' ? `${text} [${run.currency}/kWh]` : text))];
    const { scroll, cells } = table(heads, run.communities.map(({ name }) => [name, ...this.columns.map(() => '')]));
    this.cells = cells;
    const price = element('p', '', 'note');
    this.utility = price;
    cell.append(scroll, price);
  }

  at(now, force) {
    const { run, strategy } = this.view;
    const step = stepOf(run, now);
    if (step === this.step && !force) return;
    this.step = step;
    this.cells.forEach((row, m) => row.forEach((cell, n) => {
      const [name, , energy] = this.columns[n];
      const value = part(run.hours[name], strategy, m)[step];
      if (energy) cell.textContent = power(run, value);
      else if (name === 'community_price') cell.textContent = Number.isFinite(value) ? value.toFixed(2) : '-';
      else cell.textContent = name === 'waiting' ? digits(value) : whole(value);
    }));
    const price = part(run.hours.utility_price, strategy, 0)[step];
    this.utility.textContent = Number.isNaN(price) ? '' : `The utility asks ${price.toFixed(2)} ${run.currency}/kWh.`;
  }
}

// Which vehicles charge where: in the step of the clock, or over the run.
class ChargingMatrix {
  constructor(cell, view, span) {
    Object.assign(this, { view, span });
    const { run } = view;
    this.shape = run.paths.exchanged.shape;
    const heads = ['vehicles of', ...run.communities.map(({ name }) => name)];
    const rows = run.paths.groups.map((name) => [name, ...run.communities.map(() => '')]);
    const { scroll, cells } = table(heads, rows, 'matrix');
    this.cells = cells;
    cell.append(scroll, element('p', 'kWh at the plug: charged, or with a minus given back. The stronger the colour, the more.', 'note'));
  }

  at(now, force) {
    const { run, strategy } = this.view;
    const whole = this.span() === 'run';
    const key = whole ? 'run' : stepOf(run, now);
    if (key === this.key && !force) return;
    this.key = key;
    const values = whole ? this.sums(strategy) : part(run.paths.exchanged, strategy, key);
    const most = whole ? Math.max(...values.map(Math.abs), 1e-9) : this.most(run);
    const width = run.communities.length;
    const [takes, gives] = [themed('#0072B2'), themed('#D55E00')];
    this.cells.forEach((row, g) => row.forEach((cell, m) => {
      const value = values[g * width + m];
      cell.textContent = Math.abs(value) < 0.005 ? '' : digits(value);
      const share = Math.min(Math.abs(value) / most, 1);
      cell.style.background = share > 0.002 ? translucent(value > 0 ? takes : gives, 0.08 + 0.42 * Math.sqrt(share)) : '';
    }));
  }

  most(run) {
    run.mostExchanged ??= run.paths.exchanged.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    return run.mostExchanged;
  }

  sums(strategy) {
    const [, steps, groups, places] = this.shape;
    const sums = new Float64Array(groups * places);
    const all = part(this.view.run.paths.exchanged, strategy);
    for (let k = 0; k < steps; k += 1) for (let n = 0; n < sums.length; n += 1) sums[n] += all[k * sums.length + n];
    return sums;
  }
}

// Where vehicles got their energy and where it went, over the run.
function pathsTable(cell, view) {
  const { run, strategy } = view;
  const names = run.communities.map(({ name }) => name);
  const heads = ['charged in', 'charged', ...names.map((name) => `given in ${name}`), 'driven', 'still stored'];
  const { delivered, driven, kept, charged } = run.paths;
  const rows = [...names, 'in store at the start'].map((name, origin) => [
    name,
    origin < names.length ? digits(part(charged, strategy)[origin]) : '',
    ...part(delivered, strategy, origin),
    part(driven, strategy)[origin],
    part(kept, strategy)[origin],
  ].map((value) => (typeof value === 'number' ? digits(value) : value)));
  cell.append(table(heads, rows, 'matrix').scroll, element('p', 'kWh. A battery mixes what it is given, so that what leaves it is of all origins alike.', 'note'));
}

function paymentTable(cell, view) {
  const { run, strategy } = view;
  const rows = run.payments.rows[run.strategies[strategy].name].map((paid) => [
    paid.kind.replaceAll('_', ' '), paid.payer, paid.payee, digits(paid.energy_kwh), digits(paid.amount),
  ]);
  cell.append(table(['for', 'payer', 'payee', 'kWh', run.currency], rows, 'checks').scroll);
  if (run.payments.left_out) cell.append(element('p', `The largest ${rows.length}; smaller ones left out: at most ${run.payments.left_out}.`, 'note'));
}

// The step within the window of a run that a time belongs to.
function stepOf(run, now) {
  const [first, last] = run.window;
  return Math.min(Math.max(Math.floor(now / run.step_h + 1e-9), first), last - 1) - first;
}
