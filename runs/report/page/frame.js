// Where things of the map are on the screen: fitted into the room there is, enlarged and moved.

const CLOSEST = 60;

class MapFrame {
  constructor(map) {
    this.map = map;
    this.zoom = { k: 1, x: 0, y: 0 };
    this.ways = new Map();
    this.bounds = this.extent();
  }

  // The least and the most of all that is always seen: places, areas, and roads that ways use.
  extent() {
    const { places, network, areas } = this.map;
    const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    const take = (x, y) => [x, y].forEach((value, axis) => {
      low[axis] = Math.min(low[axis], value);
      high[axis] = Math.max(high[axis], value);
    });
    places.forEach(([x, y]) => take(x, y));
    const strung = [...(network ? [network.roads] : []), ...areas.map(([, rings]) => rings)];
    for (const { points } of strung) for (let n = 0; n < points.length; n += 2) take(points[n], points[n + 1]);
    return [low, high];
  }

  // Fit everything into a part of the canvas; true distances have one scale on both axes.
  fit(width, height, { left, top, right, bottom }) {
    const [low, high] = this.bounds;
    const room = [width - left - right, height - top - bottom];
    const size = [0, 1].map((axis) => high[axis] - low[axis]);
    let scale = size.map((value, axis) => (value > 0 ? Math.max(room[axis], 1) / value : 0));
    if (this.map.to_scale) {
      const one = Math.min(...scale.filter((value) => value > 0), Infinity);
      scale = Number.isFinite(one) ? [one, one] : [1, 1];
    }
    const middle = [0, 1].map((axis) => (low[axis] + high[axis]) / 2);
    const centre = [left + room[0] / 2, top + room[1] / 2];
    Object.assign(this, { width, height, scale, offset: centre.map((at, axis) => at - middle[axis] * scale[axis]) });
    this.clamp();
  }

  x(value) {
    return (value * this.scale[0] + this.offset[0]) * this.zoom.k + this.zoom.x;
  }

  y(value) {
    return (value * this.scale[1] + this.offset[1]) * this.zoom.k + this.zoom.y;
  }

  screen([x, y]) {
    return [this.x(x), this.y(y)];
  }

  // Where a place is while the whole map is shown.
  whereWhole(place) {
    return place.map((value, axis) => value * this.scale[axis] + this.offset[axis]);
  }

  // Pixels of a kilometre; null where the map is not to scale.
  get perKm() {
    return this.map.to_scale ? this.scale[0] * this.zoom.k : null;
  }

  // Enlarge around a place of the screen.
  enlarge(by, [x, y]) {
    const { zoom } = this;
    const k = Math.min(Math.max(zoom.k * by, 1), CLOSEST);
    const real = k / zoom.k;
    Object.assign(zoom, { k, x: x - (x - zoom.x) * real, y: y - (y - zoom.y) * real });
    this.clamp();
  }

  move(dx, dy) {
    this.zoom.x += dx;
    this.zoom.y += dy;
    this.clamp();
  }

  whole() {
    Object.assign(this.zoom, { k: 1, x: 0, y: 0 });
  }

  // The map never leaves its frame.
  clamp() {
    const { zoom } = this;
    zoom.x = Math.min(Math.max(zoom.x, this.width * (1 - zoom.k)), 0);
    zoom.y = Math.min(Math.max(zoom.y, this.height * (1 - zoom.k)), 0);
  }

  // The way between two communities: its points, and which share of its time is behind each.
  way(origin, destination) {
    const key = `${origin}-${destination}`;
    if (!this.ways.has(key)) this.ways.set(key, this.found(origin, destination, key));
    return this.ways.get(key);
  }

  found(origin, destination, key) {
    const { places, routes, network } = this.map;
    if (!network || origin === destination) {
      return this.withShares((routes[key] || [origin, destination]).map((m) => places[m]));
    }
    this.numbers ??= new Map(Array.from({ length: network.hours.length ? network.ends.length / 2 : 0 }, (_, n) => (
      [`${network.ends[2 * n]}-${network.ends[2 * n + 1]}`, n]
    )));
    const number = this.numbers.get(key);
    if (number === undefined) return this.withShares([places[origin], places[destination]]);
    const points = [], hours = [];
    let before = 0;
    for (let at = network.first[number]; at < network.first[number + 1]; at += 1) {
      const road = network.ways[at];
      const line = this.line(network.roads, road);
      const { shares } = this.withShares(line);
      line.forEach((point, n) => {
        if (n === 0 && points.length) return;
        points.push(point);
        hours.push(before + network.hours[road] * shares[n]);
      });
      before += network.hours[road];
    }
    return { points, shares: hours.map((value) => (before > 0 ? value / before : 0)) };
  }

  withShares(points) {
    const sums = [0];
    points.slice(1).forEach((to, n) => sums.push(sums[n] + Math.hypot(to[0] - points[n][0], to[1] - points[n][1])));
    const whole = sums.at(-1);
    return { points, shares: sums.map((sum, n) => (whole > 0 ? sum / whole : n / Math.max(sums.length - 1, 1))) };
  }

  line({ first, points }, number) {
    const found = [];
    for (let n = first[number]; n < first[number + 1]; n += 1) found.push([points[2 * n], points[2 * n + 1]]);
    return found;
  }

  // A place on a way after a share of its time, and the direction there, on the screen.
  along(origin, destination, share) {
    const { points, shares } = this.way(origin, destination);
    let leg = 0, last = points.length - 2;
    while (leg < last) {
      const middle = (leg + last) >> 1;
      if (shares[middle + 1] < share) leg = middle + 1;
      else last = middle;
    }
    const span = shares[leg + 1] - shares[leg];
    const done = span > 0 ? Math.min(Math.max((share - shares[leg]) / span, 0), 1) : 0;
    const from = this.screen(points[leg]), to = this.screen(points[leg + 1]);
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
    return {
      at: [from[0] + (to[0] - from[0]) * done, from[1] + (to[1] - from[1]) * done],
      direction: [(to[0] - from[0]) / length, (to[1] - from[1]) / length],
    };
  }

  // Draw lines that are strung together, those that lie within the frame.
  trace(pen, { first, points }, closed) {
    for (let line = 0; line < first.length - 1; line += 1) {
      let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
      for (let n = first[line]; n < first[line + 1]; n += 1) {
        const x = this.x(points[2 * n]), y = this.y(points[2 * n + 1]);
        [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
      }
      if (right < 0 || left > this.width || bottom < 0 || top > this.height) continue;
      for (let n = first[line]; n < first[line + 1]; n += 1) {
        const x = this.x(points[2 * n]), y = this.y(points[2 * n + 1]);
        if (n === first[line]) pen.moveTo(x, y);
        else pen.lineTo(x, y);
      }
      if (closed) pen.closePath();
    }
  }
}
