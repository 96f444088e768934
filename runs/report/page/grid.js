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
      const text = `${view.run.grid.left_out} lines of less loaded communities are not drawn.`;
      cell.append(Object.assign(document.createElement('p'), { className: 'note', textContent: text }));
    }
    this.last = null;
    new ResizeObserver(() => this.lay()).observe(cell);
    this.lay();
  }

  // Every node a place: the deeper the further right, leaves below each other.
  lay() {
    const width = this.picture.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    const { lines } = this.view.run.grid;
    const root = lines[0][0];
    const children = new Map([[root, []]]);
    const depth = new Map([[root, 0]]);
    for (const [parent, node] of lines) {
      children.set(node, []);
      children.get(parent).push(node);
      depth.set(node, depth.get(parent) + 1);
    }
    const rows = new Map();
    let next = 0;
    const place = (node) => {
      const below = children.get(node).map(place);
      rows.set(node, below.length ? (below[0] + below[below.length - 1]) / 2 : next++);
      return rows.get(node);
    };
    place(root);
    const xs = [0.02, 0.17, 0.36, 0.6].map((share) => share * width);
    const at = (node) => [xs[Math.min(depth.get(node), 3)] + 6, (rows.get(node) + 0.8) * ROW];
    this.picture.setAttribute('viewBox', `0 0 ${width} ${(next + 0.6) * ROW}`);
    this.picture.replaceChildren();
    this.edges = lines.map(([parent, node]) => this.edge(at(parent), at(node)));
    for (const node of depth.keys()) this.node(node, at(node), depth.get(node), children.get(node).length > 0);
    this.last = null;
    if (this.now !== undefined) this.at(this.now);
  }

  edge([x0, y0], [x1, y1]) {
    const bend = (x0 + x1) / 2;
    const path = svg('path', { d: `M${x0} ${y0} C${bend} ${y0} ${bend} ${y1} ${x1} ${y1}`, fill: 'none' });
    const told = svg('title', {});
    path.append(told);
    this.picture.append(path);
    return { path, told };
  }

  node(name, [x, y], depth, inner) {
    this.picture.append(svg('circle', { cx: x, cy: y, r: depth === 1 ? 3 : 5, fill: css('ink') }));
    if (depth === 1) return;
    const text = name.split('/').pop();
    const label = inner ? { x, y: y - 9, 'text-anchor': depth ? 'middle' : 'start' } : { x: x + 9, y: y + 4 };
    this.picture.append(svg('text', label, text));
    if (!inner) {
      const share = svg('text', { x: this.width - 4, y: y + 4, 'text-anchor': 'end' });
      this.picture.append(share);
      (this.shares ??= new Map()).set(name, share);
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
      const { path, told: title } = this.edges[n];
      path.setAttribute('stroke', loadingColour(share));
      path.setAttribute('stroke-width', 1.5 + 9 * Math.min(share, 1.2));
      title.textContent = `${parent} - ${node}: ${percent}`;
      const text = this.shares?.get(node);
      if (text) {
        text.textContent = share > 1 + 1e-4 ? `${percent} !` : percent;
        text.style.fill = share > 1 + 1e-4 ? css('bad') : '';
        text.style.fontWeight = share > 1 + 1e-4 ? 700 : 400;
      }
    });
    const most = shares.reduce((best, share, n) => (share > shares[best] ? n : best), 0);
    this.picture.setAttribute('aria-label', `Grid: ${lines[most].join(' - ')} is loaded most, ${Math.round(shares[most] * unit * 100)} %`);
  }
}
