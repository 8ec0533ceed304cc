// Rates over the last minutes, and the lines that show them.

const SVG = "http://www.w3.org/2000/svg";
const WINDOW_MS = 5 * 60 * 1000;
const MINUTE_MS = 60 * 1000;
// Two looks further apart than this have a gap between them: what happened meanwhile is not known.
const GAP_MS = 6000;
const WIDTH = 600;
const HEIGHT = 100;

// Counters as they were seen, as rates between looks. A counter that went back belongs to a gateway that was
// started anew.
export class History {
  constructor() {
    this.points = [];
    this.last = null;
  }

  // `counts`: a map of texts to numbers. `at`: milliseconds of one clock that never goes back.
  add(at, counts) {
    const last = this.last;
    this.last = { at, counts };
    if (last === null) return;
    const seconds = (at - last.at) / 1000;
    if (seconds <= 0) return;
    let anew = at - last.at > GAP_MS;
    const rates = new Map();
    for (const [key, count] of counts) {
      const before = last.counts.get(key) ?? 0;
      if (count < before) anew = true;
      if (count > before) rates.set(key, (count - before) / seconds);
    }
    this.points.push({ at, rates: anew ? null : rates });
    while (this.points.length > 0 && this.points[0].at < at - WINDOW_MS) this.points.shift();
  }

  // Nothing is known from here on, until the next look but one.
  interrupt(at) {
    if (this.last !== null) this.points.push({ at, rates: null });
    this.last = null;
    while (this.points.length > 600) this.points.shift();
  }

  // What each point has of these keys together; null where nothing is known.
  values(keys) {
    return this.points.map(({ rates }) => {
      if (rates === null) return null;
      let sum = 0;
      for (const key of keys) sum += rates.get(key) ?? 0;
      return sum;
    });
  }

  now() {
    return this.points.length > 0 ? this.points[this.points.length - 1].at : 0;
  }

  // As many whole minutes as it takes to show all of it.
  minutes() {
    const age = this.points.length > 0 ? this.now() - this.points[0].at : 0;
    return Math.min(WINDOW_MS / MINUTE_MS, Math.max(1, Math.ceil(age / MINUTE_MS)));
  }
}

// The next of 1, 2, 5, 10, … that is no less.
function ceiling(value) {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999999);
}

export function rate(value) {
  if (value === 0) return "0/s";
  if (value < 10) return `${value.toFixed(1)}/s`;
  return `${Math.round(value).toLocaleString("en")}/s`;
}

// A figure of one chart: caption, lines, and a legend that tells in numbers what the lines show.
export class Chart {
  constructor(caption) {
    this.caption = caption;
    this.figure = document.createElement("figure");
    const head = this.figure.appendChild(document.createElement("figcaption"));
    head.appendChild(document.createElement("span")).textContent = caption;
    this.top = head.appendChild(document.createElement("span"));
    this.svg = document.createElementNS(SVG, "svg");
    for (const [name, value] of [["viewBox", `0 0 ${WIDTH} ${HEIGHT}`], ["preserveAspectRatio", "none"], ["role", "img"], ["class", "chart"]]) {
      this.svg.setAttribute(name, value);
    }
    for (const y of [1, HEIGHT / 2, HEIGHT - 1]) {
      const line = this.svg.appendChild(document.createElementNS(SVG, "line"));
      for (const [name, value] of [["x1", 0], ["x2", WIDTH], ["y1", y], ["y2", y]]) line.setAttribute(name, value);
    }
    this.figure.appendChild(this.svg);
    const times = this.figure.appendChild(document.createElement("div"));
    times.className = "times";
    times.setAttribute("aria-hidden", "true");
    this.begin = times.appendChild(document.createElement("span"));
    times.appendChild(document.createElement("span")).textContent = "now";
    this.legend = this.figure.appendChild(document.createElement("ul"));
    this.legend.className = "legend";
    this.lines = new Map();
  }

  // `series`: name, class of its colour, the keys that make it, and how many records it has had.
  draw(history, series) {
    const drawn = series.map((one) => ({ ...one, values: history.values(one.keys) }));
    const most = Math.max(0, ...drawn.flatMap(({ values }) => values.filter((value) => value !== null)));
    const top = ceiling(most);
    this.top.textContent = `up to ${top.toLocaleString("en")}/s`;
    this.begin.textContent = `${history.minutes()} min ago`;
    const width = history.minutes() * MINUTE_MS;
    const spoken = [];
    const present = new Set();
    for (const { name, style, values, total } of drawn) {
      present.add(name);
      const { path, item } = this.line(name);
      path.setAttribute("class", style);
      path.setAttribute("d", outline(history, values, width, top));
      const now = values.length > 0 ? values[values.length - 1] : null;
      const text = `${name} ${now === null ? "–" : rate(now)} (${total.toLocaleString("en")})`;
      item.className = style;
      if (item.textContent !== text) item.textContent = text;
      spoken.push(`${name} ${now === null ? "not known" : rate(now)}`);
    }
    for (const [name, { path, item }] of this.lines) {
      if (!present.has(name)) {
        path.remove();
        item.remove();
        this.lines.delete(name);
      }
    }
    this.svg.setAttribute("aria-label", `${this.caption}: ${spoken.join(", ") || "nothing yet"}`);
  }

  line(name) {
    let line = this.lines.get(name);
    if (line === undefined) {
      const path = this.svg.appendChild(document.createElementNS(SVG, "path"));
      const item = this.legend.appendChild(document.createElement("li"));
      line = { path, item };
      this.lines.set(name, line);
    }
    return line;
  }
}

function outline({ points }, values, width, top) {
  const begin = points.length > 0 ? points[points.length - 1].at - width : 0;
  let text = "";
  let pen = "M";
  values.forEach((value, index) => {
    if (value === null) {
      pen = "M";
      return;
    }
    const x = Math.max(0, (points[index].at - begin) / width) * WIDTH;
    const y = HEIGHT - 2 - (value / top) * (HEIGHT - 4);
    text += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  });
  return text;
}
