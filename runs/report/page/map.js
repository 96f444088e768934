// The map: communities on the roads between them, vehicles on their way, energy carried across.

const NOT_THERE = 65534;
const ON_THE_ROAD = 65535;
const SOC_UNITS = 250;
const SHADES = 24;
const GOLDEN_ANGLE = 2.399963;
const MANY = 14;
// As many arrows have their energy written on them even where it covers something.
const FEW_ARROWS = 2;
const SMALLEST_WITH_DOTS = 9;
// Width and height of the corner in which the buttons stand.
const BUTTONS = [46, 112];
const ROUND_KM = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];

class CommunityMap {
  constructor(cell, view, choice, frame, redraw, highest = 560) {
    Object.assign(this, { view, choice, frame, highest });
    this.stage = Object.assign(document.createElement('div'), { className: 'stage' });
    this.canvas = document.createElement('canvas');
    this.canvas.setAttribute('role', 'img');
    this.still = document.createElement('canvas');
    this.tip = Object.assign(document.createElement('div'), { className: 'tip', hidden: true });
    this.count = Object.assign(document.createElement('p'), { className: 'note' });
    this.stage.append(this.canvas, this.tip);
    cell.append(this.stage, this.count);
    this.hand = new MapHand(this, frame, redraw);
    this.now = view.run.window[0] * view.run.step_h;
    this.importance = this.sizes();
    this.canvas.addEventListener('pointermove', (event) => this.point(event));
    this.canvas.addEventListener('pointerdown', (event) => this.point(event));
    this.canvas.addEventListener('pointerleave', () => { this.tip.hidden = true; });
    new ResizeObserver(() => this.resize()).observe(this.stage);
    this.resize();
  }

  // Communities by the energy that they draw or give, which is in whose order names find room.
  sizes() {
    const { run } = this.view;
    const steps = run.hours.net_kwh.shape[2];
    const size = run.communities.map((_, m) => part(run.hours.net_kwh, 0, m).reduce((a, b) => a + Math.abs(b), 0) / steps);
    return run.communities.map((_, m) => m).sort((a, b) => size[b] - size[a]);
  }

  // Fit the places into the room there is.
  resize() {
    const { run } = this.view;
    const width = this.stage.clientWidth;
    if (!width) return;
    const alone = run.map.places.length === 1 && !run.map.network;
    // Towns are about as high as they are wide; a map to scale needs room for that.
    const share = run.map.to_scale ? 0.8 : 0.64;
    const height = Math.round(alone ? 210 : Math.min(Math.max(width * share, 300), this.highest));
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.still]) Object.assign(canvas, { width: width * ratio, height: height * ratio });
    this.canvas.style.height = `${height}px`;
    Object.assign(this, { width, height, ratio });
    const count = run.map.places.length;
    const most = run.map.to_scale
      ? Math.min(width * 0.04, height * 0.06)
      : Math.min(width * 0.13, height * 0.17);
    this.largest = Math.max(Math.min(most, (0.42 * Math.sqrt(width * height)) / Math.sqrt(count)), 7);
    const side = this.largest + 14;
    const below = this.largest + (count <= MANY || run.map.to_scale ? 44 : 14);
    // Buttons stand at the right, and names may be wider than circles.
    const edge = run.map.to_scale ? Math.max(side, 48) : side;
    this.frame.fit(width, height, { left: edge, right: edge, top: side, bottom: below });
    if (this.buttonsCover()) this.frame.fit(width, height, { left: edge, right: this.largest + BUTTONS[0] + 4, top: side, bottom: below });
    this.colours();
  }

  // Whether the buttons lie on the circle of a community while the whole map is shown.
  buttonsCover() {
    return this.view.run.map.places.some((place) => {
      const [x, y] = this.frame.whereWhole(place);
      return Math.hypot(Math.max(this.width - BUTTONS[0] - x, 0), Math.max(y - BUTTONS[1], 0)) < this.largest + 2;
    });
  }

  // Where communities are on the screen, in circles that do not touch.
  lay() {
    const { zoom } = this.frame;
    const key = [zoom.k, zoom.x, zoom.y, this.width, this.height, this.frame.scale].join();
    if (key === this.laid) return false;
    this.laid = key;
    this.at = this.view.run.map.places.map((place) => this.frame.screen(place));
    if (this.spaced === undefined || this.spacedFor !== `${this.width}`) {
      let nearest = Infinity;
      this.at.forEach((a, m) => this.at.slice(m + 1).forEach((b) => {
        nearest = Math.min(nearest, Math.hypot(a[0] - b[0], a[1] - b[1]));
      }));
      Object.assign(this, { spaced: nearest / zoom.k, spacedFor: `${this.width}` });
    }
    this.radius = Math.max(Math.min(this.largest * Math.min(Math.sqrt(zoom.k), 2), this.spaced * zoom.k * 0.4), this.view.run.map.to_scale ? 6 : 4);
    return true;
  }

  colours() {
    this.shades = socColours(SHADES);
    this.prices = priceColours(SHADES);
    this.theme = Object.fromEntries(['ink', 'faint', 'sheet', 'page', 'road', 'edge', 'accent', 'bad', 'quiet'].map((name) => [name, css(name)]));
    this.laid = '';
    this.draw(this.now);
  }

  step(now) {
    return stepOf(this.view.run, now);
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
    const step = this.step(now);
    if (this.lay()) this.drawStill();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.still, 0, 0);
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const labels = this.labels(pen, step);
    this.drawRoadLengths(pen);
    this.drawCommunities(pen, step);
    this.drawVehicles(pen, now, step);
    this.drawCounts(pen, step);
    this.drawFlows(pen, step);
    for (const label of labels) this.write(pen, ...label, this.theme.ink);
    this.drawQueues(pen, step);
    const read = this.view.run.communities.slice(0, MANY).map((community, m) => `${community.name} ${power(this.view.run, this.value('net_kwh', m, step))}`);
    this.canvas.setAttribute('aria-label', `Map: ${read.join(', ')}`);
  }

  // What does not move with the clock: areas, roads, scale and north.
  drawStill() {
    const pen = this.still.getContext('2d');
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const { map } = this.view.run;
    pen.lineCap = pen.lineJoin = 'round';
    for (const [m, rings] of map.areas) {
      const colour = themed(this.view.run.communities[m].colour);
      Object.assign(pen, { fillStyle: translucent(colour, 0.1), strokeStyle: translucent(colour, 0.5), lineWidth: 1.5 });
      pen.beginPath();
      this.frame.trace(pen, rings, true);
      pen.fill('evenodd');
      pen.stroke();
    }
    pen.strokeStyle = this.theme.road;
    if (map.network) {
      const lines = [[map.network.others, 1, 0.55], [map.network.roads, Math.min(2.2 + 0.5 * Math.log2(this.frame.zoom.k), 5), 1]];
      for (const [strung, width, opacity] of lines) {
        Object.assign(pen, { lineWidth: width, globalAlpha: opacity });
        pen.beginPath();
        this.frame.trace(pen, strung);
        pen.stroke();
      }
      pen.globalAlpha = 1;
    }
    pen.lineWidth = Math.min(Math.max(this.radius * 0.16, 2), 9);
    for (const [a, b] of map.roads) {
      pen.beginPath();
      pen.moveTo(...this.at[a]);
      pen.lineTo(...this.at[b]);
      pen.stroke();
    }
    this.drawScale(pen);
  }

  // A round number of kilometres, and north above it.
  drawScale(pen) {
    const { perKm } = this.frame;
    if (!perKm) return;
    const km = ROUND_KM.findLast((length) => length * perKm <= Math.max(this.width * 0.22, 60)) ?? ROUND_KM[0];
    const [right, y] = [this.width - 12, this.height - 12];
    const left = right - km * perKm;
    Object.assign(pen, { strokeStyle: this.theme.faint, lineWidth: 2, lineCap: 'butt' });
    pen.beginPath();
    pen.moveTo(left, y - 5);
    pen.lineTo(left, y);
    pen.lineTo(right, y);
    pen.lineTo(right, y - 5);
    pen.stroke();
    this.scaleKm = km;
    this.write(pen, km < 1 ? `${km * 1000} m` : `${km} km`, (left + right) / 2, y - 6, '12px', this.theme.faint);
    this.write(pen, 'N \u2191', right - 8, y - 26, '12px', this.theme.faint);
  }

  // Lengths of the roads of a list, beside them, where there is room.
  drawRoadLengths(pen) {
    const { roads } = this.view.run.map;
    if (roads.length > MANY) return;
    for (const [a, b, km] of roads) {
      const [from, to] = [this.at[a], this.at[b]];
      const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
      const [along, across] = [to[0] - from[0], to[1] - from[1]].map((part) => Math.abs(part / length));
      const text = `${km} km`;
      const spots = [0.5, 0.4, 0.6, 0.3, 0.7].flatMap((share) => [1, -1, 2, -2].map((side) => [
        from[0] + (to[0] - from[0]) * share + side * (this.half(pen, text, '12px') + 8) * across,
        from[1] + (to[1] - from[1]) * share + side * 16 * along + 4,
      ]));
      const spot = this.free(pen, text, spots, '12px');
      if (spot) this.write(pen, text, ...spot, '12px', this.theme.faint);
    }
  }

  // Whether a community is of those that the reader chose.
  chosen(m) {
    return !this.choice.community || this.view.run.communities[m].name === this.choice.community;
  }

  drawCommunities(pen, step) {
    const { run, strategy } = this.view;
    run.highest ??= Math.max(...run.hours.net_kwh.map(Math.abs), 1e-9);
    this.at.forEach(([x, y], m) => {
      pen.globalAlpha = this.chosen(m) ? 1 : 0.55;
      pen.fillStyle = this.theme.sheet;
      pen.strokeStyle = this.theme.edge;
      pen.lineWidth = Math.min(Math.max(this.radius * 0.1, 2), 8);
      pen.beginPath();
      pen.arc(x, y, this.radius, 0, 2 * Math.PI);
      pen.fill();
      const price = this.priceColour(m, step);
      if (price) {
        pen.fillStyle = price;
        pen.fill();
      }
      pen.stroke();
      const load = part(run.hours.net_kwh, strategy, m)[step] / run.highest;
      pen.strokeStyle = load < 0 ? this.theme.bad : themed(run.communities[m].colour);
      pen.beginPath();
      pen.arc(x, y, this.radius, -Math.PI / 2, -Math.PI / 2 + load * 2 * Math.PI, load < 0);
      pen.stroke();
    });
    pen.globalAlpha = 1;
  }

  // The colour of a community's price in a step; none where all prices are alike, or there is none.
  priceColour(m, step) {
    const range = priceRange(this.view.run);
    const price = this.value('community_price', m, step);
    if (!range || !Number.isFinite(price)) return null;
    return this.prices[Math.round(((price - range[0]) / (range[1] - range[0])) * (SHADES - 1))];
  }

  // Vehicles stand in the circle of a community, each at its own place, or drive along the roads.
  drawVehicles(pen, now, step) {
    const { run, strategy } = this.view;
    if (!run.vehicles) return;
    const count = run.vehicles.where.shape[1];
    const [parked, driving] = [0, 1].map(() => Array.from({ length: SHADES }, () => []));
    for (let v = 0; v < count; v += 1) {
      const place = this.placeOf(v, now, step);
      if (!place || place[0] < -9 || place[1] < -9 || place[0] > this.width + 9 || place[1] > this.height + 9) continue;
      const shade = Math.round(this.socOf(v, now, step, strategy) * (SHADES - 1));
      (this.moving ? driving : parked)[shade].push(place);
    }
    const size = Math.min(Math.max((this.radius * 1.35) / Math.sqrt(count), 0.9), 4.5);
    // A circle too small for vehicles shows its price.
    if (!run.map.to_scale || this.radius >= SMALLEST_WITH_DOTS) this.dots(pen, parked, size);
    // On true roads there is room for those who drive.
    this.dots(pen, driving, run.map.to_scale ? Math.max(size, count > 1000 ? 2.2 : 3.2) : size);
  }

  dots(pen, shades, size) {
    pen.lineWidth = 1;
    pen.strokeStyle = this.theme.page;
    shades.forEach((places, shade) => {
      if (!places.length) return;
      pen.fillStyle = this.shades[shade];
      pen.beginPath();
      for (const [x, y] of places) {
        pen.moveTo(x + size, y);
        pen.arc(x, y, size, 0, 2 * Math.PI);
      }
      if (size > 2) pen.stroke();
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

  // The drives of the vehicles, of each strategy its own where they stop on their way.
  trips() {
    const { run: { vehicles }, strategy } = this.view;
    return vehicles.made.length ? vehicles.made[strategy] : vehicles.trips;
  }

  // A vehicle's place: on the way of its trip, else where the last one brought it.
  placeOf(v, now, step) {
    const { where } = this.view.run.vehicles, trips = this.trips();
    const count = where.shape[1];
    const community = where[step * count + v];
    if (community === NOT_THERE) return null;
    const angle = v * GOLDEN_ANGLE;
    const reach = 0.88 * this.radius * Math.sqrt((v + 0.5) / count);
    const slot = [reach * Math.cos(angle), reach * Math.sin(angle)];
    const [first, end] = [trips.first[v], trips.first[v + 1]];
    let before = -1;
    for (let trip = first; trip < end && now >= trips.departs[trip] - 1e-6; trip += 1) before = trip;
    this.moving = before >= 0 && now <= trips.arrives[before] + 1e-6;
    if (this.moving) return this.along(before, now, slot);
    let parked = before >= 0 ? trips.destination[before] : community;
    if (before < 0 && first < end) parked = trips.origin[first];
    if (parked >= this.at.length) return null;
    return [this.at[parked][0] + slot[0], this.at[parked][1] + slot[1]];
  }

  // A place on the way of a trip; a swarm that leaves together grows narrow on the road.
  along(trip, now, slot) {
    const { map } = this.view.run, trips = this.trips();
    const share = Math.min(Math.max((now - trips.departs[trip]) / (trips.arrives[trip] - trips.departs[trip]), 0), 1);
    const { at, direction } = this.frame.along(trips.origin[trip], trips.destination[trip], share);
    if (!map.to_scale || trips.origin[trip] === trips.destination[trip]) {
      const width = 1 - 0.62 * Math.sin(Math.PI * share);
      return [0, 1].map((axis) => at[axis] + slot[axis] * width);
    }
    // Out of the circle onto the right lane, and at the end into the circle again.
    const within = Math.max(1 - 12 * Math.min(share, 1 - share), 0);
    const lane = 3 * (1 - within);
    return [at[0] + slot[0] * within - direction[1] * lane, at[1] + slot[1] * within + direction[0] * lane];
  }

  // Where no single vehicle was recorded: how many are plugged in.
  drawCounts(pen, step) {
    const { run } = this.view;
    if (run.vehicles || !run.hours.vehicles_present || this.radius < 24) return;
    this.at.forEach(([x, y], m) => {
      this.write(pen, whole(this.value('vehicles_present', m, step)), x, y + 2, '600 14px', this.theme.ink);
      this.write(pen, 'plugged in', x, y + 17, '11px', this.theme.faint);
    });
  }

  // Who waits for a charger.
  drawQueues(pen, step) {
    const { run } = this.view;
    if (!run.hours.waiting) return;
    this.at.forEach(([x, y], m) => {
      const waiting = this.value('waiting', m, step);
      if (!(waiting >= 0.5)) return;
      const text = whole(waiting);
      const half = Math.max(this.half(pen, text, '600 11px'), 8);
      const at = [x + this.radius * 0.75, y - this.radius * 0.75];
      pen.fillStyle = this.theme.bad;
      pen.beginPath();
      pen.roundRect(at[0] - half, at[1] - 9, 2 * half, 16, 8);
      pen.fill();
      pen.textAlign = 'center';
      pen.fillStyle = this.theme.sheet;
      pen.fillText(text, at[0], at[1] + 3);
    });
  }

  // Energy that one community gives another in this step: arrows as wide as there is much of it.
  drawFlows(pen, step) {
    const { run, strategy } = this.view;
    // Among many communities arrows would hide each other, on a narrow map most of all.
    const many = run.map.places.length > MANY;
    const most = many ? Math.min(Math.max(Math.round(this.width / 25), 8), 24) : MOST_ARROWS;
    const { drawn, all } = this.choice.of(run, strategy, step, most);
    const { origin, destination, kwh } = run.flows;
    run.most ??= kwh.reduce((a, b) => Math.max(a, b), 1e-9);
    const labelled = drawn.length <= MANY ? 0 : drawn.length - MANY;
    drawn.forEach((flow, n) => {
      const width = run.map.to_scale || many
        ? Math.min(1.5 + 6 * Math.sqrt(kwh[flow] / run.most), Math.max(0.3 * this.radius, 2))
        : 3 + 13 * Math.sqrt(kwh[flow] / run.most);
      this.arrow(pen, this.at[origin[flow]], this.at[destination[flow]], width, n >= labelled ? `${digits(kwh[flow])} kWh` : '', drawn.length <= FEW_ARROWS);
    });
    const cut = drawn.length < all ? `The ${drawn.length} largest of ${all} flows are drawn.` : '';
    if (this.count.textContent !== cut) this.count.textContent = cut;
  }

  arrow(pen, from, to, width, text, few) {
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
    if (!text) return;
    const spots = [0.5, 0.4, 0.6, 0.3, 0.7].map((t) => [0, 1].map((axis) => (
      (1 - t) ** 2 * begin[axis] + 2 * t * (1 - t) * middle[axis] + t ** 2 * end[axis] + 4 * axis
    )));
    const spot = this.free(pen, text, spots, '600 12px') || (few ? spots[0] : null);
    if (spot) this.write(pen, text, ...spot, '600 12px', this.theme.ink);
  }

  // What stands below or above each community, where there is room: text, place and font.
  labels(pen, step) {
    const { run } = this.view;
    this.taken = [];
    this.named = [];
    const few = this.at.length <= MANY;
    // Names leave the buttons free, and the scale with north above it.
    this.taken.push([this.width - BUTTONS[0], 0, this.width, BUTTONS[1]]);
    if (run.map.to_scale) {
      const length = this.scaleKm * this.frame.perKm || 0;
      this.taken.push([this.width - 16 - length, this.height - 40, this.width, this.height]);
    }
    const kept = this.taken.length;
    const inside = ([x, y]) => x >= 0 && y >= 0 && x <= this.width && y <= this.height;
    const order = this.importance.filter((m) => inside(this.at[m])).sort((a, b) => this.chosen(b) - this.chosen(a));
    const text = (m) => `${power(run, this.value('net_kwh', m, step))}, ${digits(this.value('community_price', m, step))} ${run.currency}/kWh`;
    const fonts = ['600 13px', '12px'];
    const found = [];
    // A name and what is below it find room together, or not at all.
    const room = few || this.frame.zoom.k > 2;
    const placed = (m, lines) => {
      const spots = this.aroundCircle(pen, m, lines, fonts).find((group) => group.every(([x, y], n) => this.isFree(this.box(pen, lines[n], x, y, fonts[n]))));
      if (!spots) return false;
      lines.forEach((words, n) => {
        const box = this.box(pen, words, ...spots[n], fonts[n]);
        this.taken.push(box);
        this.named.push([m, words, ...box]);
        found.push([words, ...spots[n], fonts[n]]);
      });
      return true;
    };
    // All names first, so that no figures of one community take the place of another's name.
    const names = order.map((m) => [m, run.communities[m].name]);
    const whole = room && names.every(([m, name]) => placed(m, [name, text(m)]));
    if (!whole) {
      this.taken.length = kept;
      this.named = [];
      found.length = 0;
      names.forEach(([m, name]) => placed(m, [name]));
      if (room) found.push(...order.flatMap((m) => this.below(pen, m, text(m), fonts[1])));
    }
    return found;
  }

  // Spots of some lines around the circle of a community: below, above, to the right, to the left.
  aroundCircle(pen, m, lines, fonts) {
    const [x, y] = this.at[m];
    const half = Math.max(...lines.map((words, n) => this.half(pen, words, fonts[n])));
    const extra = 16 * (lines.length - 1);
    const at = (left, top) => lines.map((_, n) => [left, top + 16 * n]);
    return [
      at(x, y + this.radius + 16), at(x, y - this.radius - 8 - extra),
      at(x + this.radius + half + 2, y + 4 - extra / 2), at(x - this.radius - half - 2, y + 4 - extra / 2),
    ];
  }

  // The figures of a community below its name, where they cover nothing.
  below(pen, m, words, font) {
    const name = this.named.find(([of]) => of === m);
    if (!name) return [];
    const spot = this.free(pen, words, [[(name[2] + name[4]) / 2, name[5] + 12]], font);
    if (!spot) return [];
    this.named.push([m, words, ...this.box(pen, words, ...spot, font)]);
    return [[words, ...spot, font]];
  }

  // Whether a box covers no other text and no circle of a community.
  isFree(box) {
    const apart = (a, b) => a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
    const clear = ([x, y]) => {
      const dx = Math.max(box[0] - x, 0, x - box[2]), dy = Math.max(box[1] - y, 0, y - box[3]);
      return Math.hypot(dx, dy) >= this.radius + 1;
    };
    const within = box[1] >= 0 && box[3] <= this.height;
    return within && this.taken.every((other) => apart(other, box)) && this.at.every(clear);
  }

  // The first of some places where a text covers nothing; it is taken then.
  free(pen, text, spots, font) {
    const found = spots.find(([x, y]) => this.isFree(this.box(pen, text, x, y, font)));
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

  // What a community does in the step of the clock, line by line.
  reading(m) {
    const { run } = this.view;
    const step = this.step(this.now);
    const lines = [
      run.communities[m].name,
      `load ${power(run, this.value('net_kwh', m, step))}`,
      `price ${digits(this.value('community_price', m, step))} ${run.currency}/kWh`,
    ];
    if (run.hours.vehicles_present) lines.push(`${whole(this.value('vehicles_present', m, step))} vehicles plugged in`);
    const waiting = this.value('waiting', m, step);
    if (run.hours.waiting && Number.isFinite(waiting)) lines.push(`${digits(waiting)} wait for a charger`);
    return lines;
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const m = this.at.findIndex((place) => Math.hypot(place[0] - x, place[1] - y) <= Math.max(this.radius, 14));
    this.tip.hidden = m < 0;
    if (m < 0) return;
    this.tip.textContent = this.reading(m).join('\n');
    this.tip.style.left = `${Math.max(Math.min(x + 12, this.width - 190), 0)}px`;
    this.tip.style.top = `${Math.max(y - 90, 4)}px`;
  }
}

// The lowest and the highest price of a community in the window; null where all are alike.
function priceRange(run) {
  if (run.prices === undefined) {
    let low = Infinity, high = -Infinity;
    for (const price of run.hours.community_price) {
      if (price < low) low = price;
      if (price > high) high = price;
    }
    run.prices = high - low > 1e-9 * Math.max(Math.abs(high), 1) ? [low, high] : null;
  }
  return run.prices;
}

// Energy of a step as mean power.
function power(run, kwh) {
  const kw = kwh / run.step_h;
  return Math.abs(kw) >= 2000 ? `${digits(kw / 1000)} MW` : `${digits(kw)} kW`;
}
