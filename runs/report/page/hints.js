// Tables wider than the page, or long ones, scroll: a shade and a line say so, and keys reach them.

const MORE_COLUMNS = 'More columns: scroll sideways \u2192';
const MORE_ROWS = 'More rows: scroll down \u2193';

function hint(box) {
  const line = element('p', MORE_COLUMNS, 'sideways');
  line.hidden = true;
  line.setAttribute('aria-hidden', 'true'); // the region says it to those who hear the page
  const [table] = box.children;
  box.prepend(line);
  const look = () => {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    const high = box.scrollHeight > box.clientHeight + 1;
    box.classList.toggle('more', scrolls && box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
    line.hidden = !scrolls && !high;
    line.textContent = [scrolls ? MORE_COLUMNS : '', high ? MORE_ROWS : ''].filter(Boolean).join('. ');
    if (scrolls || high) {
      box.tabIndex = 0;
      box.setAttribute('role', 'region');
      const section = box.closest('section');
      const number = [...section.querySelectorAll('.scroll')].indexOf(box) + 1;
      box.setAttribute('aria-label', `${section.querySelector('h2').textContent}: table ${number}, which scrolls${scrolls ? ' sideways' : ''}`);
    } else ['tabindex', 'role', 'aria-label'].forEach((name) => box.removeAttribute(name));
  };
  box.addEventListener('scroll', look, { passive: true });
  const watch = new ResizeObserver(look);
  watch.observe(box);
  if (table) watch.observe(table);
}

// Every box that may scroll, once; tables that are written again bring new boxes.
function hints() {
  for (const box of document.querySelectorAll('main .scroll:not([data-hinted])')) {
    box.dataset.hinted = '';
    hint(box);
  }
}
