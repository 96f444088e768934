// The map: communities on the roads between them, vehicles on their way, energy carried across.

const ON_THE_ROAD = 65535;
const NOT_THERE = 65534;
const SOC_UNITS = 250;
const SHADES = 24;
const GOLDEN_ANGLE = 2.399963;
const MANY = 14;

class CommunityMap {
  constructor(cell, view) {
    this.view = view;
    this.stage = Object.assign(document.createElement('div'), { className: 'stage' });
    this.canvas = document.createElement('canvas');
    this.canvas.setAttribute('role', 'img');
    this.tip = Object.assign(document.createElement('div'), { className: 'tip', hidden: true });
    this.stage.append(this.canvas, this.tip);
    cell.append(this.stage);
    this.now = view.run.window[0] * view.run.step_h;
    this.canvas.addEventListener('pointermove', (event) => this.point(event));
    this.canvas.addEventListener('pointerdown', (event) => this.point(event));
    this.canvas.addEventListener('pointerleave', () => { this.tip.hidden = true; });
    new ResizeObserver(() => this.resize()).observe(this.stage);
    this.resize();
  }

  // Fit the places into the room there is.
  resize() {
    const { run } = this.view;
    const width = this.stage.clientWidth;
    if (!width) return;
    const alone = run.map.places.length === 1;
    const height = Math.round(alone ? 210 : Math.min(Math.max(width * 0.64, 300), 560));
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.height = `${height}px`;
    Object.assign(this, { width, height, ratio });
    const places = run.map.places;
    const count = places.length;
    this.radius = Math.max(Math.min(width * 0.13, height * 0.17, (0.42 * Math.sqrt(width * height)) / Math.sqrt(count)), 7);
    const [xs, ys] = [0, 1].map((axis) => places.map((place) => place[axis]));
    const left = this.radius + 14;
    const below = this.radius + (count <= MANY ? 44 : 14);
    this.spread(xs, ys, left, below);
    this.shrink();
    this.colours();
  }

  spread(xs, ys, left, below) {
    const fit = (values, from, to) => {
      const low = Math.min(...values), high = Math.max(...values);
      return values.map((value) => (high > low ? from + ((value - low) / (high - low)) * (to - from) : (from + to) / 2));
    };
    const x = fit(xs, left, this.width - left);
    const y = fit(ys, this.radius + 14, this.height - below);
    this.at = x.map((value, m) => [value, y[m]]);
  }

  // No two circles touch.
  shrink() {
    let nearest = Infinity;
    this.at.forEach((a, m) => this.at.slice(m + 1).forEach((b) => {
      nearest = Math.min(nearest, Math.hypot(a[0] - b[0], a[1] - b[1]));
    }));
    this.radius = Math.max(Math.min(this.radius, nearest * 0.4), 4);
  }

  colours() {
    this.shades = socColours(SHADES);
    this.theme = Object.fromEntries(['ink', 'faint', 'sheet', 'page', 'road', 'edge', 'accent', 'bad'].map((name) => [name, css(name)]));
    this.draw(this.now);
  }

  step(now) {
    const { run } = this.view;
    const [first, last] = run.window;
    return Math.min(Math.max(Math.floor(now / run.step_h + 1e-9), first), last - 1) - first;
  }

  value(name, community, step) {
    const { run, strategy } = this.view;
    const column = run.hours[name];
    return column ? part(column, strategy, community)[step] : 0;
  }

  draw(now) {
    this.now = now;
    if (!this.width) return;
    const pen = this.canvas.getContext('2d');
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const step = this.step(now);
    const labels = this.labels(pen, step);
    this.drawRoads(pen);
    this.drawCommunities(pen, step);
    this.drawVehicles(pen, now, step);
    this.drawCounts(pen, step);
    this.drawFlows(pen, step);
    for (const label of labels) this.write(pen, ...label, this.theme.ink);
    const told = this.view.run.communities.slice(0, MANY).map((community, m) => `${community.name} ${power(this.view.run, this.value('net_kwh', m, step))}`);
    this.canvas.setAttribute('aria-label', `Map: ${told.join(', ')}`);
  }

  drawRoads(pen) {
    const { roads } = this.view.run.map;
    pen.lineCap = 'round';
    for (const [a, b, km] of roads) {
      const [from, to] = [this.at[a], this.at[b]];
      pen.strokeStyle = this.theme.road;
      pen.lineWidth = Math.min(Math.max(this.radius * 0.16, 2), 9);
      pen.beginPath();
      pen.moveTo(...from);
      pen.lineTo(...to);
      pen.stroke();
      if (roads.length > MANY) continue;
      const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
      const [along, across] = [to[0] - from[0], to[1] - from[1]].map((part) => Math.abs(part / length));
      const text = `${km} km`;
      // Beside the road, where there is room.
      const spots = [0.5, 0.4, 0.6, 0.3, 0.7].flatMap((share) => [1, -1, 2, -2].map((side) => [
        from[0] + (to[0] - from[0]) * share + side * (this.half(pen, text, '12px') + 8) * across,
        from[1] + (to[1] - from[1]) * share + side * 16 * along + 4,
      ]));
      const spot = this.free(pen, text, spots, '12px');
      if (spot) this.write(pen, text, ...spot, '12px', this.theme.faint);
    }
  }

  drawCommunities(pen, step) {
    const { run, strategy } = this.view;
    run.highest ??= Math.max(...run.hours.net_kwh.map(Math.abs), 1e-9);
    this.at.forEach(([x, y], m) => {
      pen.fillStyle = this.theme.sheet;
      pen.strokeStyle = this.theme.edge;
      pen.lineWidth = Math.min(Math.max(this.radius * 0.1, 2), 8);
      pen.beginPath();
      pen.arc(x, y, this.radius, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
      const load = part(run.hours.net_kwh, strategy, m)[step] / run.highest;
      pen.strokeStyle = load < 0 ? this.theme.bad : themed(run.communities[m].colour);
      pen.beginPath();
      pen.arc(x, y, this.radius, -Math.PI / 2, -Math.PI / 2 + load * 2 * Math.PI, load < 0);
      pen.stroke();
    });
  }

  // Vehicles stand in the circle of a community, each at its own place, or drive along the roads.
  drawVehicles(pen, now, step) {
    const { run, strategy } = this.view;
    if (!run.vehicles) return;
    const shades = Array.from({ length: SHADES }, () => []);
    const count = run.vehicles.where.shape[1];
    for (let v = 0; v < count; v += 1) {
      const place = this.placeOf(v, now, step);
      if (!place) continue;
      shades[Math.round(this.socOf(v, now, step, strategy) * (SHADES - 1))].push(place);
    }
    const size = Math.min(Math.max((this.radius * 1.35) / Math.sqrt(count), 0.9), 4.5);
    shades.forEach((places, shade) => {
      pen.fillStyle = this.shades[shade];
      pen.beginPath();
      for (const [x, y] of places) {
        pen.moveTo(x + size, y);
        pen.arc(x, y, size, 0, 2 * Math.PI);
      }
      pen.fill();
    });
  }

  socOf(v, now, step, strategy) {
    const { run } = this.view;
    const { soc, where } = run.vehicles;
    const steps = where.shape[0], count = where.shape[1];
    const at = (k) => soc[(strategy * steps + k) * count + v];
    const next = Math.min(step + 1, steps - 1);
    const share = Math.min(Math.max(now / run.step_h - run.window[0] - step, 0), 1);
    return (at(step) + (at(next) - at(step)) * share) / SOC_UNITS;
  }

  placeOf(v, now, step) {
    const { where, trips } = this.view.run.vehicles;
    const count = where.shape[1];
    const community = where[step * count + v];
    if (community === NOT_THERE) return null;
    const angle = v * GOLDEN_ANGLE;
    const reach = 0.88 * this.radius * Math.sqrt((v + 0.5) / count);
    const slot = [reach * Math.cos(angle), reach * Math.sin(angle)];
    if (community !== ON_THE_ROAD) return [this.at[community][0] + slot[0], this.at[community][1] + slot[1]];
    for (let trip = trips.first[v]; trip < trips.first[v + 1]; trip += 1) {
      if (now >= trips.departs[trip] - 1e-6 && now <= trips.arrives[trip] + 1e-6) return this.along(trip, now, slot);
    }
    return null;
  }

  // A place on the way of a trip; a swarm that leaves together grows narrow on the road.
  along(trip, now, slot) {
    const { map, vehicles: { trips } } = this.view.run;
    const ends = [trips.origin[trip], trips.destination[trip]];
    const way = (map.routes[ends.join('-')] || ends).map((m) => this.at[m]);
    const share = Math.min(Math.max((now - trips.departs[trip]) / (trips.arrives[trip] - trips.departs[trip]), 0), 1);
    const lengths = way.slice(1).map((to, n) => Math.hypot(to[0] - way[n][0], to[1] - way[n][1]));
    let left = share * lengths.reduce((a, b) => a + b, 0);
    let leg = 0;
    while (leg < lengths.length - 1 && left > lengths[leg]) left -= lengths[leg++];
    const done = lengths[leg] ? left / lengths[leg] : 0;
    const width = 1 - 0.62 * Math.sin(Math.PI * share);
    return [0, 1].map((axis) => way[leg][axis] + (way[leg + 1][axis] - way[leg][axis]) * done + slot[axis] * width);
  }

  // Where no single vehicle was recorded: how many are plugged in.
  drawCounts(pen, step) {
    const { run } = this.view;
    if (run.vehicles || !run.hours.vehicles_present || this.radius < 24) return;
    this.at.forEach(([x, y], m) => {
      this.write(pen, told(this.value('vehicles_present', m, step)), x, y + 2, '600 14px', this.theme.ink);
      this.write(pen, 'plugged in', x, y + 17, '11px', this.theme.faint);
    });
  }

  // Energy that one community gives another in this step: arrows as wide as there is much of it.
  drawFlows(pen, step) {
    const { run, strategy } = this.view;
    const { first, origin, destination, kwh } = run.flows;
    const at = strategy * (run.window[1] - run.window[0]) + step;
    run.most ??= kwh.reduce((a, b) => Math.max(a, b), 1e-9);
    for (let flow = first[at]; flow < first[at + 1]; flow += 1) {
      const width = 3 + 13 * Math.sqrt(kwh[flow] / run.most);
      this.arrow(pen, this.at[origin[flow]], this.at[destination[flow]], width, `${told(kwh[flow])} kWh`);
    }
  }

  arrow(pen, from, to, width, text) {
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (!length) return;
    const along = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
    const side = [-along[1], along[0]];
    const bow = Math.min(0.16 * length, 46) + 6;
    const gap = this.radius + 6;
    const begin = [from[0] + along[0] * gap, from[1] + along[1] * gap];
    const end = [to[0] - along[0] * gap, to[1] - along[1] * gap];
    const middle = [(from[0] + to[0]) / 2 + side[0] * bow * 1.6, (from[1] + to[1]) / 2 + side[1] * bow * 1.6];
    const turn = Math.atan2(end[1] - middle[1], end[0] - middle[0]);
    const head = Math.max(width * 1.5, 9);
    const neck = [end[0] - head * Math.cos(turn), end[1] - head * Math.sin(turn)];
    pen.strokeStyle = pen.fillStyle = translucent(this.theme.accent, 0.62);
    pen.lineWidth = width;
    pen.lineCap = 'butt';
    pen.beginPath();
    pen.moveTo(...begin);
    pen.quadraticCurveTo(...middle, ...neck);
    pen.stroke();
    pen.beginPath();
    pen.moveTo(...end);
    pen.lineTo(neck[0] - head * 0.62 * Math.sin(turn), neck[1] + head * 0.62 * Math.cos(turn));
    pen.lineTo(neck[0] + head * 0.62 * Math.sin(turn), neck[1] - head * 0.62 * Math.cos(turn));
    pen.fill();
    if (this.at.length <= MANY) {
      const spots = [0.5, 0.4, 0.6, 0.3, 0.7].map((t) => [0, 1].map((axis) => (
        (1 - t) ** 2 * begin[axis] + 2 * t * (1 - t) * middle[axis] + t ** 2 * end[axis] + 4 * axis
      )));
      this.write(pen, text, ...(this.free(pen, text, spots, '600 12px') || spots[0]), '600 12px', this.theme.ink);
    }
  }

  // What stands below or above each community, where there is room: text, place and font.
  labels(pen, step) {
    const { run } = this.view;
    this.taken = [];
    if (this.at.length > MANY) return [];
    const text = (m) => `${power(run, this.value('net_kwh', m, step))}, ${told(this.value('community_price', m, step))} ${run.currency}/kWh`;
    const labelled = (words, [x, y], below, font) => {
      const spots = [[x, y + this.radius + below], [x, y - this.radius - 8]];
      const spot = this.free(pen, words, below > 16 ? spots.slice(0, 1) : spots, font);
      return spot ? [[words, ...spot, font]] : [];
    };
    const found = [
      ...this.at.flatMap((place, m) => labelled(run.communities[m].name, place, 16, '600 13px')),
      ...this.at.flatMap((place, m) => labelled(text(m), place, 32, '12px')),
    ];
    // What is written later leaves the communities themselves free.
    const inner = 0.8 * this.radius;
    for (const [x, y] of this.at) this.taken.push([x - inner, y - inner, x + inner, y + inner]);
    return found;
  }

  // The first of some places where a text covers no other; it is taken then.
  free(pen, text, spots, font) {
    const apart = (a, b) => a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
    const found = spots.find(([x, y]) => this.taken.every((other) => apart(other, this.box(pen, text, x, y, font))));
    if (found) this.taken.push(this.box(pen, text, ...found, font));
    return found;
  }

  // Left, top, right and bottom of a text.
  box(pen, text, x, y, font) {
    const half = this.half(pen, text, font);
    const inside = this.inside(x, half);
    return [inside - half, y - 11, inside + half, y + 4];
  }

  half(pen, text, font) {
    pen.font = `${font} system-ui, "Noto Sans", "DejaVu Sans", sans-serif`;
    return pen.measureText(text).width / 2 + 3;
  }

  inside(x, half) {
    return Math.min(Math.max(x, half), Math.max(this.width - half, half));
  }

  // Text with an edge, so that it can be read on anything; it never leaves the map.
  write(pen, text, x, y, font, colour) {
    const inside = this.inside(x, this.half(pen, text, font));
    pen.textAlign = 'center';
    pen.lineWidth = 3;
    pen.lineJoin = 'round';
    pen.strokeStyle = this.theme.page;
    pen.strokeText(text, inside, y);
    pen.fillStyle = colour;
    pen.fillText(text, inside, y);
  }

  point(event) {
    const { run } = this.view;
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const m = this.at.findIndex((place) => Math.hypot(place[0] - x, place[1] - y) <= Math.max(this.radius, 14));
    this.tip.hidden = m < 0;
    if (m < 0) return;
    const step = this.step(this.now);
    const lines = [
      run.communities[m].name,
      `load ${power(run, this.value('net_kwh', m, step))}`,
      `price ${told(this.value('community_price', m, step))} ${run.currency}/kWh`,
    ];
    if (run.hours.vehicles_present) lines.push(`${told(this.value('vehicles_present', m, step))} vehicles plugged in`);
    this.tip.textContent = lines.join('\n');
    this.tip.style.left = `${Math.min(x + 12, this.width - 190)}px`;
    this.tip.style.top = `${Math.max(y - 90, 4)}px`;
  }
}

// Energy of a step as mean power.
function power(run, kwh) {
  const kw = kwh / run.step_h;
  return Math.abs(kw) >= 2000 ? `${told(kw / 1000)} MW` : `${told(kw)} kW`;
}
