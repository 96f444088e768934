// How a person moves and enlarges the maps: wheel, fingers, buttons and keys.

class MapHand {
  constructor(map, frame, redraw) {
    Object.assign(this, { map, frame, redraw, fingers: new Map() });
    const { canvas, stage } = map;
    this.buttons(stage);
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.drag(event));
    for (const end of ['pointerup', 'pointercancel', 'pointerleave']) {
      canvas.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    }
    canvas.addEventListener('dblclick', (event) => this.by(2, this.place(event)));
    this.setTouch();
  }

  buttons(stage) {
    const box = element('div', undefined, 'zoom');
    const middle = () => [this.frame.width / 2, this.frame.height / 2];
    const made = [
      ['+', 'Enlarge the map', () => this.by(1.6, middle())],
      ['\u2212', 'Reduce the map', () => this.by(1 / 1.6, middle())],
      ['\u2922', 'Show the whole map', () => {
        this.frame.whole();
        this.setTouch();
        this.redraw();
      }],
    ].map(([text, label, act]) => {
      const button = Object.assign(element('button', text), { type: 'button', title: label });
      button.setAttribute('aria-label', label);
      button.addEventListener('click', act);
      return button;
    });
    box.append(...made);
    stage.append(box);
  }

  place(event) {
    const box = this.map.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  by(factor, place) {
    this.frame.enlarge(factor, place);
    this.setTouch();
    this.redraw();
  }

  // The page scrolls as ever unless the map is enlarged or a key asks for it.
  wheel(event) {
    if (!(event.ctrlKey || event.metaKey || this.frame.zoom.k > 1)) return;
    event.preventDefault();
    this.by(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), this.place(event));
  }

  down(event) {
    this.fingers.set(event.pointerId, this.place(event));
    if (this.frame.zoom.k > 1) this.map.canvas.setPointerCapture?.(event.pointerId);
  }

  drag(event) {
    if (!this.fingers.has(event.pointerId)) return;
    const before = this.fingers.get(event.pointerId), now = this.place(event);
    this.fingers.set(event.pointerId, now);
    if (this.fingers.size === 2) {
      const [other] = [...this.fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
      this.by(apart(now) / apart(before), other);
    } else if (this.frame.zoom.k > 1) {
      this.frame.move(now[0] - before[0], now[1] - before[1]);
      this.redraw();
    }
  }

  // A finger on an enlarged map moves it, on a whole one the page.
  setTouch() {
    this.map.canvas.style.touchAction = this.frame.zoom.k > 1 ? 'none' : 'pan-y';
  }
}
