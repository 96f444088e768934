// The clock that the map and all charts follow: hours since the start of the run.

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 24, 72, 168];

class Clock {
  constructor(first, last, step, text) {
    Object.assign(this, { first, last, step, textOf: text, now: first, playing: false, before: 0, listeners: [] });
    this.parts = Object.fromEntries(['clock', 'back', 'play', 'forward', 'time', 'scrub', 'speed'].map((id) => [id, document.getElementById(id)]));
    const { clock, back, play, forward, scrub, speed } = this.parts;
    const usual = last - first <= 48 ? 1 : last - first <= 24 * 14 ? 4 : 24;
    for (const pace of SPEEDS) {
      const label = pace < 24 ? `${pace} h/s` : pace < 168 ? `${pace / 24} d/s` : '1 week/s';
      speed.add(new Option(label, pace, pace === usual, pace === usual));
    }
    Object.assign(scrub, { min: first, max: last });
    scrub.addEventListener('input', () => this.set(Number(scrub.value)));
    play.addEventListener('click', () => this.toggle());
    back.addEventListener('click', () => this.move(-1));
    forward.addEventListener('click', () => this.move(1));
    document.addEventListener('keydown', (event) => this.key(event));
    clock.hidden = false;
  }

  listen(listener) {
    this.listeners.push(listener);
  }

  set(hours) {
    this.now = Math.min(Math.max(hours, this.first), this.last);
    this.parts.scrub.value = this.now;
    const text = this.textOf(this.now);
    this.parts.time.textContent = text;
    this.parts.scrub.setAttribute('aria-valuetext', text);
    for (const listener of this.listeners) listener(this.now);
  }

  move(steps) {
    this.pause();
    this.set((Math.round(this.now / this.step) + steps) * this.step);
  }

  toggle() {
    if (this.playing) return this.pause();
    if (this.now >= this.last) this.set(this.first);
    this.playing = true;
    this.before = performance.now();
    this.show();
    requestAnimationFrame((at) => this.frame(at));
  }

  pause() {
    this.playing = false;
    this.show();
    this.paused?.();
  }

  show() {
    this.parts.play.textContent = this.playing ? 'Pause' : 'Play';
    this.parts.play.setAttribute('aria-label', this.playing ? 'Pause' : 'Play');
  }

  frame(at) {
    if (!this.playing) return;
    const seconds = Math.min(Math.max(at - this.before, 0) / 1000, 0.25);
    this.before = at;
    this.set(this.now + seconds * Number(this.parts.speed.value));
    if (this.now >= this.last) this.pause();
    else requestAnimationFrame((next) => this.frame(next));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const tag = event.target.tagName;
    if (tag === 'SELECT' || tag === 'TEXTAREA' || tag === 'INPUT') return;
    const { speed } = this.parts;
    const faster = (by) => {
      speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), SPEEDS.length - 1);
    };
    const actions = {
      ' ': () => this.toggle(),
      ArrowLeft: () => this.move(-1),
      ArrowRight: () => this.move(1),
      Home: () => this.set(this.first),
      End: () => this.set(this.last),
      '+': () => faster(1),
      '-': () => faster(-1),
    };
    if (!(event.key in actions) || (event.key === ' ' && (tag === 'BUTTON' || tag === 'SUMMARY' || tag === 'A'))) return;
    event.preventDefault();
    actions[event.key]();
  }
}
