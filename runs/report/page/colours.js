// Colours that every kind of colour vision distinguishes, on light and on dark.

const SOC = ['#c24a00', '#e08a1e', '#d9b93b', '#6fa8d6', '#2f7fc1', '#00539b'];
const SOC_DARK = ['#ff7f3a', '#ffab52', '#f0d264', '#a5cdf0', '#6cb4ef', '#3f94e6'];
const PRICE = ['#f2ecf7', '#d7c6e8', '#b698d3', '#8f63b5'];
const PRICE_DARK = ['#241d2e', '#3d2f52', '#5d4580', '#8a68b8'];

function dark() {
  return document.documentElement.dataset.theme === 'dark';
}

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// A colour of the data as the theme shows it: the dark one lightens it.
function themed(colour) {
  if (colour.startsWith('@')) return css(colour.slice(1));
  if (!dark()) return colour;
  return mix(colour, '#ffffff', 0.35);
}

function mix(from, to, share) {
  const channels = [1, 3, 5].map((at) => {
    const [a, b] = [from, to].map((colour) => parseInt(colour.slice(at, at + 2), 16));
    return Math.round(a + (b - a) * share).toString(16).padStart(2, '0');
  });
  return `#${channels.join('')}`;
}

function translucent(colour, opacity) {
  return colour + Math.round(opacity * 255).toString(16).padStart(2, '0');
}

// Colours of a scale, evenly spaced.
function shadesOf(scale, count) {
  return Array.from({ length: count }, (_, n) => {
    const at = (n / (count - 1)) * (scale.length - 1);
    const low = Math.min(Math.floor(at), scale.length - 2);
    return mix(scale[low], scale[low + 1], at - low);
  });
}

// State of charge, 0 to 1.
function socColours(count) {
  return shadesOf(dark() ? SOC_DARK : SOC, count);
}

// Prices, from the lowest to the highest.
function priceColours(count) {
  return shadesOf(dark() ? PRICE_DARK : PRICE, count);
}

// Loading of a line, as a share of its rating; above 1 the colour is another one.
function loadingColour(share) {
  const [idle, full, over] = dark() ? ['#35424e', '#7cc4ff', '#ff8a3d'] : ['#c9d6e2', '#0b4f8a', '#c24a00'];
  return share > 1 + 1e-4 ? over : mix(idle, full, Math.min(Math.max(share, 0), 1));
}

function loadingScale() {
  const at = (share) => [share / 1.25, loadingColour(share)];
  return [at(0), at(0.5), at(1), [0.8001, loadingColour(2)], [1, loadingColour(2)]];
}

// Amounts from none to the most there is.
function amountScale() {
  return [[0, css('page')], [0.02, loadingColour(0)], [1, loadingColour(1)]];
}
