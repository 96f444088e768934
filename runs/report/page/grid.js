// The tree of the grid: lines as thick and as dark as they are loaded, overloads in another colour.

const SVG = 'http://www.w3.org/2000/svg';
const ROW = 27;

function svg(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

class GridTree {
  constructor(cell, view) {
    this.view = view;
    this.picture = svg('svg', { class: 'tree', role: 'img' });
    cell.append(this.picture);
    if (view.run.grid.left_out) {
      const text = `${view.run.grid.left_out} less loaded lines are not drawn.`;
      cell.append(Object.assign(document.createElement('p'), { className: 'note', textContent: text }));
    }
    this.last = null;
    new ResizeObserver(() => this.lay()).observe(cell);
    this.lay();
  }

  // Every node a place: the deeper the further right, leaves below each other. A tree deeper than
  // feeders, communities and connections has a row for every node, so that all names are legible.
  lay() {
    const width = this.picture.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    const { lines } = this.view.run.grid;
    const root = lines[0][0];
    const children = new Map([[root, []]]);
    const depth = new Map([[root, 0]]);
    const parents = new Map();
    for (const [parent, node] of lines) {
      children.set(node, []);
      children.get(parent).push(node);
      depth.set(node, depth.get(parent) + 1);
      parents.set(node, parent);
    }
    const deepest = Math.max(...depth.values());
    this.listed = deepest > 3;
    const rows = new Map();
    let next = 0;
    const place = (node) => {
      if (this.listed) rows.set(node, next++);
      const below = children.get(node).map(place);
      if (!this.listed) rows.set(node, below.length ? (below[0] + below[below.length - 1]) / 2 : next++);
      return rows.get(node);
    };
    place(root);
    const indent = Math.min(28, (0.5 * width) / deepest);
    const xs = [0.02, 0.17, 0.36, 0.6].map((share) => share * width);
    const x = (level) => (this.listed ? 0.02 * width + level * indent : xs[level]);
    const at = (node) => [x(depth.get(node)) + 6, (rows.get(node) + 0.8) * ROW];
    this.picture.setAttribute('viewBox', `0 0 ${width} ${(next + 0.6) * ROW}`);
    this.picture.replaceChildren();
    this.shares = new Map();
    this.edges = lines.map(([parent, node]) => this.edge(at(parent), at(node)));
    for (const node of depth.keys()) this.node(node, at(node), parents.get(node), children.get(node).length > 0);
    this.last = null;
    if (this.now !== undefined) this.at(this.now);
  }

  edge([x0, y0], [x1, y1]) {
    const bend = (x0 + x1) / 2;
    const d = this.listed ? `M${x0} ${y0} V${y1} H${x1}` : `M${x0} ${y0} C${bend} ${y0} ${bend} ${y1} ${x1} ${y1}`;
    const path = svg('path', { d, fill: 'none' });
    const hint = svg('title', {});
    path.append(hint);
    this.picture.append(path);
    return { path, hint };
  }

  node(name, [x, y], parent, inner) {
    const feeder = name.endsWith('/feeder');
    this.picture.append(svg('circle', { cx: x, cy: y, r: feeder ? 3 : 5, fill: css('ink') }));
    if (feeder) return;
    // The community is said once, where its own node feeds what is connected.
    const text = name.startsWith(`${parent}/`) ? name.slice(parent.length + 1) : name;
    const above = inner && !this.listed;
    const label = above ? { x, y: y - 9, 'text-anchor': parent ? 'middle' : 'start' } : { x: x + 9, y: y + 4 };
    const written = svg('text', label, text);
    this.picture.append(written);
    // A feeder says at its connections how much it carries; other lines say it at their end.
    if (above && parent && !parent.endsWith('/feeder')) this.shares.set(name, { text: written, name: text });
    else if (parent && !above) {
      const share = svg('text', { x: this.width - 4, y: y + 4, 'text-anchor': 'end' });
      this.picture.append(share);
      this.shares.set(name, { text: share });
    }
  }

  at(now) {
    this.now = now;
    const { run, strategy } = this.view;
    if (!this.edges) return;
    const [first, last] = run.window;
    const step = Math.min(Math.max(Math.floor(now / run.step_h + 1e-9), first), last - 1) - first;
    const key = `${step} ${strategy}`;
    if (key === this.last) return;
    this.last = key;
    const { lines, loading, unit } = run.grid;
    const shares = part(loading, strategy, step);
    lines.forEach(([parent, node], n) => {
      const share = shares[n] * unit;
      const percent = `${Math.round(share * 100)} %`;
      const { path, hint: title } = this.edges[n];
      path.setAttribute('stroke', loadingColour(share));
      path.setAttribute('stroke-width', 1.5 + 9 * Math.min(share, 1.2));
      title.textContent = `${parent} - ${node}: ${percent}`;
      const { text, name } = this.shares.get(node) ?? {};
      if (text) {
        const said = share > 1 + 1e-4 ? `${percent} !` : percent;
        text.textContent = name ? `${name} ${said}` : said;
        text.style.fill = share > 1 + 1e-4 ? css('bad') : '';
        text.style.fontWeight = share > 1 + 1e-4 ? 700 : 400;
      }
    });
    const most = shares.reduce((best, share, n) => (share > shares[best] ? n : best), 0);
    this.picture.setAttribute('aria-label', `Grid: ${lines[most].join(' - ')} is loaded most, ${Math.round(shares[most] * unit * 100)} %`);
  }
}
