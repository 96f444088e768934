// The charts, drawn by Plotly, and the line that shows where the clock stands.

const MARGIN = { l: 58, r: 14, t: 8, b: 40 };

// More steps than this are not distinguished on a screen.
const MOST_STEPS = 800;

// Whole numbers of a unit as they were.
function values({ low, unit, whole }, from, to) {
  return Float32Array.from(whole.subarray(from, to), (value) => (value === 65535 ? NaN : low + unit * value));
}

class TimeChart {
  constructor(cell, chart, run, key, limits, clock) {
    Object.assign(this, { chart, run, key, limits, clock });
    this.finding = Object.assign(document.createElement('p'), { className: 'finding' });
    this.legend = Object.assign(document.createElement('p'), { className: 'legend' });
    this.box = Object.assign(document.createElement('div'), { className: 'chart' });
    this.plot = document.createElement('div');
    this.line = Object.assign(document.createElement('div'), { className: 'now' });
    this.box.append(this.plot, this.line);
    cell.append(this.finding, this.box, this.legend);
    this.note = Object.assign(document.createElement('p'), { className: 'note', textContent: chart.note });
    cell.append(this.note);
    this.draw();
    this.plot.on('plotly_relayout', (change) => this.moved(change));
    this.listen();
    new ResizeObserver(() => this.fit()).observe(this.box);
    new IntersectionObserver(([seen]) => {
      this.seen = seen.isIntersecting;
      if (this.seen && this.stale) this.draw();
    }).observe(this.box);
  }

  // Show another part of the run, at once where it is looked at.
  show(range) {
    if (this.range.every((end, n) => Math.abs(end - range[n]) < 1e-9)) return;
    this.range = range;
    if (this.seen) this.draw();
    else this.stale = true;
  }

  // The traces of what is shown: step by step where a long run is looked at closely.
  shown() {
    const { close, step_h: hours } = this.run;
    const coarse = this.chart.traces[this.key] || [];
    const near = close?.charts[this.chart.name]?.[this.key];
    this.range ??= [0, this.run.steps * hours];
    const [from, to] = [Math.floor(this.range[0] / hours + 1e-9), Math.ceil(this.range[1] / hours - 1e-9)];
    this.closely = Boolean(near) && from >= close.first && to <= close.last && to - from <= MOST_STEPS;
    if (!this.closely) return coarse;
    const x = Float64Array.from({ length: to - from + 1 }, (_, n) => (from + n) * hours);
    const cut = (held, row = 0, steps = 0) => values(held, row * steps + from - close.first, row * steps + to - close.first);
    return near.map((trace) => {
      if (trace.z) {
        const [rows, steps] = trace.z.whole.shape;
        return { ...trace, x, z: Array.from({ length: rows }, (_, row) => cut(trace.z, row, steps)) };
      }
      const y = cut(trace.y);
      return { ...trace, x, y: Float32Array.from([...y, y[y.length - 1]]) };
    });
  }

  // Values under the pointer, and a click that sets the clock.
  listen() {
    this.tip = Object.assign(document.createElement('div'), { className: 'tip', hidden: true });
    this.box.append(this.tip);
    let pressed = 0;
    this.box.addEventListener('pointermove', (event) => this.point(event));
    this.box.addEventListener('pointerdown', (event) => {
      pressed = event.clientX;
      this.point(event);
    });
    this.box.addEventListener('pointerleave', () => { this.tip.hidden = true; });
    this.box.addEventListener('click', (event) => {
      const at = this.hours(event);
      if (at !== null && Math.abs(event.clientX - pressed) < 4) this.clock.set(at);
    });
  }

  // Elapsed hours under the pointer, null beside the chart.
  hours(event) {
    const box = this.box.getBoundingClientRect();
    const share = (event.clientX - box.left - this.margin.l) / (box.width - this.margin.l - this.margin.r);
    return share < 0 || share > 1 ? null : this.range[0] + share * (this.range[1] - this.range[0]);
  }

  point(event) {
    const at = this.hours(event);
    const valued = this.traces.filter(({ meta }) => meta !== undefined);
    this.tip.hidden = at === null || !valued.length;
    if (this.tip.hidden) return;
    const x = valued[0].x;
    let n = 0;
    while (n < x.length - 2 && x[n + 1] <= at) n += 1;
    const rows = valued.map((trace) => {
      const row = document.createElement('div');
      const mark = document.createElement('i');
      mark.style.background = trace.fillcolor || trace.line.color;
      row.append(mark, `${trace.name}: ${digits(trace.y[n])} ${trace.meta}`);
      return row;
    });
    const time = Object.assign(document.createElement('b'), { textContent: this.run.time.text(x[n]) });
    this.tip.replaceChildren(time, ...rows);
    const box = this.box.getBoundingClientRect();
    const left = event.clientX - box.left;
    const room = this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(left + 14 + room > box.width ? left - 14 - room : left + 14, 0)}px`;
    this.tip.style.top = '14px';
  }

  draw() {
    this.stale = false;
    const traces = this.shown().map((trace) => this.trace(trace));
    const finding = this.chart.findings[this.key] || '';
    // A strategy may have nothing to show; its finding says so.
    this.box.hidden = this.legend.hidden = !traces.length;
    this.note.hidden = !traces.length || !this.chart.note || this.closely;
    this.finding.textContent = finding.slice(0, 1).toUpperCase() + finding.slice(1);
    Plotly.react(this.plot, traces, this.layout(), {
      responsive: false, displaylogo: false, displayModeBar: false, scrollZoom: false, doubleClick: 'reset', showTips: false,
    });
    this.traces = traces;
    this.explain(traces);
    this.at(this.clock.now);
  }

  // A trace as the library takes it: colours of the theme, rows of a picture.
  trace(described) {
    const trace = structuredClone(described);
    if (trace.line?.color) trace.line.color = themed(trace.line.color);
    if (trace.fillcolor) {
      trace.fillcolor = translucent(themed(trace.fillcolor), trace.opacity ?? 0.9);
      delete trace.opacity;
    }
    if (trace.type === 'heatmap') {
      if (described.z.shape) trace.z = Array.from({ length: described.z.shape[0] }, (_, row) => part(described.z, row));
      trace.colorscale = described.colorscale === '@loading' ? loadingScale() : amountScale();
      trace.colorbar = { ...trace.colorbar, tickfont: { color: css('ink') }, outlinewidth: 0 };
      this.narrow = this.box.clientWidth < 560;
      if (this.narrow) trace.y = trace.y.map((name) => name.split(' - ').pop());
      this.rowNames = trace.y;
    }
    if (trace.mode === 'markers') trace.marker = { color: trace.line.color, size: 7 };
    trace.showlegend = false;
    return Object.assign(trace, { described });
  }

  layout() {
    const ink = css('ink'), edge = css('edge');
    const wide = this.box.clientWidth;
    const heat = Boolean(this.rowNames);
    this.margin = { ...MARGIN };
    if (heat) {
      const longest = Math.max(...this.rowNames.map((name) => name.length));
      this.margin.l = Math.min(12 + (this.narrow ? 5.4 : 6.4) * longest, wide * 0.52);
      this.margin.r = 74;
    }
    const axis = { gridcolor: edge, zerolinecolor: edge, linecolor: edge, automargin: false, tickfont: { color: ink } };
    return {
      height: heat ? 70 + 20 * this.chart.layout.rows : 270,
      width: wide,
      // A scale of colours takes no more room than it has, or the clock's line would stand elsewhere.
      margin: { ...this.margin, autoexpand: false },
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      font: { color: ink, size: 12, family: 'system-ui, "Noto Sans", "DejaVu Sans", sans-serif' },
      hovermode: heat ? 'closest' : false,
      hoverlabel: { bgcolor: css('sheet'), bordercolor: edge, font: { color: ink } },
      dragmode: window.matchMedia('(pointer: coarse)').matches ? false : 'zoom',
      uirevision: 'kept',
      xaxis: {
        ...axis, range: [...this.range], minallowed: 0, maxallowed: this.run.steps * this.run.step_h,
        showgrid: !heat, ...this.ticks(),
      },
      yaxis: {
        ...axis, fixedrange: true,
        ...(heat ? { autorange: 'reversed', type: 'category', tickfont: { color: ink, size: this.narrow ? 10 : 12 } } : { title: { text: this.chart.unit, font: { size: 12 } }, tickformat: ',~g' }),
        ...(this.limits && !heat ? { range: this.limits } : {}),
      },
    };
  }

  ticks() {
    const room = Math.max(Math.floor((this.box.clientWidth - this.margin.l - this.margin.r) / 58), 2);
    return { tickmode: 'array', ...this.run.time.ticks(...this.range, room) };
  }

  explain(traces) {
    const entries = traces.filter(({ described }) => described.name && described.showlegend !== false && described.type !== 'heatmap');
    this.legend.replaceChildren(...entries.map((trace) => {
      const mark = document.createElement('i');
      if (trace.fillcolor) mark.style.background = trace.fillcolor;
      else {
        mark.className = trace.line.dash ? 'line dashed' : 'line';
        mark.style.borderColor = trace.line.color;
      }
      const entry = document.createElement('span');
      entry.append(mark, trace.described.name);
      return entry;
    }));
  }

  moved(change) {
    const from = change['xaxis.range[0]'] ?? change['xaxis.range']?.[0];
    const to = change['xaxis.range[1]'] ?? change['xaxis.range']?.[1];
    if (from === undefined && !change['xaxis.autorange']) return;
    const whole = [0, this.run.steps * this.run.step_h];
    const range = from === undefined ? whole : [from, to];
    if (this.range.every((end, n) => Math.abs(end - range[n]) < 1e-9)) return;
    this.range = range;
    // Once the library is done with the change that it reports.
    setTimeout(() => this.draw(), 0);
  }

  fit() {
    // Hidden it has no width; what is drawn meanwhile is drawn again once it is seen.
    if (!this.box.clientWidth) this.drawn = 0;
    if (this.drawn === this.box.clientWidth) return;
    this.drawn = this.box.clientWidth;
    this.draw();
  }

  // Put the line of the clock where it belongs.
  at(now) {
    const [from, to] = this.range;
    const room = this.box.clientWidth - this.margin.l - this.margin.r;
    const share = (now - from) / (to - from);
    this.line.hidden = share < 0 || share > 1;
    this.line.style.transform = `translateX(${this.margin.l + share * room}px)`;
  }
}
