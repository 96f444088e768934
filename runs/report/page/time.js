// Times of a run: elapsed hours since its start, shown by the clock of its time zone.

const HOUR = 3600e3;
const STEPS_H = [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 168, 336];

class RunTime {
  constructor(run) {
    this.start = run.start_ms;
    this.oneDay = run.steps * run.step_h <= 26;
    const zone = { timeZone: run.time_zone };
    const fine = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
    const day = { day: 'numeric', month: 'short' };
    this.parts = new Intl.DateTimeFormat('en-GB', { ...zone, ...fine, year: 'numeric', month: 'numeric', day: 'numeric', second: 'numeric' });
    this.long = new Intl.DateTimeFormat('en-GB', { ...zone, ...fine, ...day, weekday: 'short', year: 'numeric' });
    this.hours = new Intl.DateTimeFormat('en-GB', { ...zone, ...fine });
    this.day = new Intl.DateTimeFormat('en-GB', { ...zone, ...day });
    this.month = new Intl.DateTimeFormat('en-GB', { ...zone, month: 'short', year: '2-digit' });
  }

  // Where the wall clock stands, as if it were UTC [ms].
  wall(ms) {
    const parts = {};
    for (const { type, value } of this.parts.formatToParts(ms)) parts[type] = Number(value);
    return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
  }

  // Elapsed hours at which the wall clock stands there.
  elapsed(wall) {
    const about = wall - (this.wall(wall) - wall);
    const ms = wall - (this.wall(about) - about);
    return (ms - this.start) / HOUR;
  }

  text(hours) {
    return this.long.format(this.start + hours * HOUR);
  }

  // Ticks between two elapsed times, as many as there is room for.
  ticks(from, to, room) {
    const every = STEPS_H.find((step) => (to - from) / step <= room);
    const walls = every ? this.regular(from, to, every * HOUR) : this.months(from, to, room);
    const values = walls.map((wall) => this.elapsed(wall)).filter((at) => at >= from - 1e-6 && at <= to + 1e-6);
    return { tickvals: values, ticktext: values.map((at) => this.label(at, every)) };
  }

  regular(from, to, every) {
    const walls = [];
    const last = this.wall(this.start + to * HOUR);
    let wall = Math.ceil(this.wall(this.start + from * HOUR) / every) * every;
    for (; wall <= last; wall += every) walls.push(wall);
    return walls;
  }

  months(from, to, room) {
    const begin = new Date(this.wall(this.start + from * HOUR));
    const months = (to - from) / 730.5;
    const every = [1, 2, 3, 6, 12, 24, 60, 120].find((step) => months / step <= room) || 240;
    const walls = [];
    for (let n = 0; n <= months + 1; n += 1) {
      const month = begin.getUTCFullYear() * 12 + begin.getUTCMonth() + n;
      if (month % every === 0) walls.push(Date.UTC(Math.floor(month / 12), month % 12, 1));
    }
    return walls;
  }

  label(at, every) {
    const ms = this.start + at * HOUR;
    if (!every) return this.month.format(ms);
    if (every >= 24) return this.day.format(ms);
    const time = this.hours.format(ms);
    return time === '00:00' && !this.oneDay ? `${time}<br>${this.day.format(ms)}` : time;
  }
}

// A number as people read it, to about four digits.
function digits(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '-';
  const size = Math.abs(value);
  const digits = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const text = (Math.abs(value) < 5e-4 ? 0 : value).toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return text.replace('-', '\u2212');
}

// A number of things.
function whole(value) {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '-';
}
