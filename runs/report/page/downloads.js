// What a reader takes from the page: tables as CSV, charts as PNG or SVG.

function save(address, name) {
  const link = Object.assign(document.createElement('a'), { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

// A name that every file system takes.
function fileName(text, kind) {
  const plain = text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60);
  return `${plain || 'hmesh'}.${kind}`;
}

function button(text, title, act) {
  const made = Object.assign(document.createElement('button'), { type: 'button', textContent: text, title, className: 'take' });
  made.addEventListener('click', act);
  return made;
}

// Numbers are written as a program reads them: without marks of thousands, with a plain minus.
function plain(text) {
  const words = text.trim().replace(/\s+/g, ' ');
  return /^[-+\u2212]?\d[\d,]*(\.\d+)?$/.test(words) ? words.replaceAll(',', '').replace('\u2212', '-') : words;
}

// A cell over several columns leaves the others of it empty.
function csv(table) {
  const quote = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const line = (row) => [...row.cells].flatMap((cell) => [
    quote(plain(cell.innerText)), ...Array(cell.colSpan - 1).fill(''),
  ]);
  return `${[...table.rows].map((row) => line(row).join(',')).join('\r\n')}\r\n`;
}

// The line below a table with its button.
function takeTable(table) {
  const row = Object.assign(document.createElement('p'), { className: 'takes' });
  row.append(button('CSV', 'Download this table as CSV', () => {
    const heading = table.caption?.textContent || table.closest('section').querySelector('h2').textContent;
    const address = URL.createObjectURL(new Blob([csv(table)], { type: 'text/csv' }));
    save(address, fileName(`${document.title} ${heading}`, 'csv'));
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }));
  return row;
}

// Tables that the page holds before any script; the others have theirs from the start.
function takeTables() {
  for (const table of document.querySelectorAll('main table:not(.gains)')) {
    if (!table.nextElementSibling?.classList.contains('takes')) table.after(takeTable(table));
  }
}

// The chart with what stands around it on the page: the finding as title, the legend inside.
async function picture(chart, kind) {
  const { plot, rowNames } = chart;
  const data = chart.traces.map(({ described, ...trace }) => ({ ...trace, showlegend: Boolean(described.name) && described.showlegend !== false && !rowNames }));
  const layout = {
    ...chart.layout(), width: 1000, height: (rowNames ? 110 : 420) + (rowNames ? 20 * rowNames.length : 0),
    title: { text: chart.finding.textContent, font: { size: 14 }, x: 0.01, xanchor: 'left' },
    paper_bgcolor: css('sheet'), plot_bgcolor: css('sheet'), showlegend: !rowNames,
    legend: { orientation: 'h', y: -0.18 }, margin: { ...chart.margin, t: 48, b: rowNames ? 40 : 90, autoexpand: true },
  };
  return Plotly.toImage({ data, layout }, { format: kind, width: layout.width, height: layout.height, scale: kind === 'png' ? 2 : 1 });
}

function takeCharts(charts) {
  for (const chart of charts) {
    const row = Object.assign(document.createElement('p'), { className: 'takes' });
    row.append(...['png', 'svg'].map((kind) => button(kind.toUpperCase(), `Download this chart as ${kind.toUpperCase()}`, async () => {
      save(await picture(chart, kind), fileName(`${chart.run.name} ${chart.chart.name}`, kind));
    })));
    chart.note.after(row);
  }
}
