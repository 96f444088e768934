// Parts of the page as tabs: one is shown at a time, or all of them.

const EVERYTHING = 'all';
// What follows the clock has the clock above it.
const CLOCKED = ['moving', 'who', 'charts', 'grid', EVERYTHING];

class Tabs {
  constructor(shown) {
    this.shown = shown;
    this.clock = document.getElementById('clock');
    this.links = [...document.querySelectorAll('nav a')];
    this.sections = [...document.querySelectorAll('main section')];
    window.addEventListener('hashchange', () => this.follow());
    this.follow();
  }

  follow() {
    const asked = location.hash.slice(1);
    const known = this.links.some((link) => link.hash === `#${asked}`);
    this.show(known ? asked : this.links[0].hash.slice(1));
  }

  // As a click on a tab: the address keeps it.
  go(name) {
    window.history.pushState(null, '', `#${name}`);
    this.show(name);
  }

  show(name) {
    this.name = name;
    for (const section of this.sections) section.classList.toggle('away', name !== EVERYTHING && section.id !== name);
    for (const link of this.links) {
      if (link.hash === `#${name}`) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    this.clock.classList.toggle('away', !CLOCKED.includes(name));
    window.scrollTo(0, 0);
    this.shown();
  }
}
