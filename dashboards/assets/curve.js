// An equity curve with its drawdown below, drawn as SVG. Everything is UTC.
// data = {title, note, times: [ms], equity: [..], drawdown: [fractions <= 0], base, unit, empty}

const NS = "http://www.w3.org/2000/svg";
const MARGIN = { left: 4, right: 62, top: 8 };
const EQUITY_HEIGHT = 214;
const GAP = 22;
const DRAWDOWN_HEIGHT = 66;
const AXIS_HEIGHT = 22;
const DAY = 86400000;

function svg(tag, attributes, text) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function element(tag, className) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  return node;
}

const two = (n) => String(n).padStart(2, "0");
const day = (t) => {
  const d = new Date(t);
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`;
};
const minute = (t) => {
  const d = new Date(t);
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
};
const money = (v) => v.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = (v) => `${v < 0 ? "\u2212" : ""}${Math.abs(v * 100).toFixed(2)} %`;

// Round steps (1, 2, 5 x 10^n) that cover the span with about "count" lines.
function niceTicks(low, high, count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) || 10 * power;
  const ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) ticks.push(v);
  return { ticks, step };
}

function axisLabel(value, step) {
  const scale = Math.abs(value) >= 1e6 ? [1e6, "M"] : Math.abs(value) >= 1e4 ? [1e3, "k"] : [1, ""];
  const decimals = Math.max(0, Math.min(4, Math.ceil(-Math.log10(step / scale[0]) - 1e-9)));
  return (value / scale[0]).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }) + scale[1];
}

// Calendar ticks: whole years, months, days or hours, whichever gives at most "most" of them.
function timeTicks(start, end, most) {
  const span = end - start;
  const out = [];
  const months = [1, 2, 3, 6, 12, 24, 60, 120].find((m) => span / (m * 30.44 * DAY) <= most) || 240;
  if (span > most * 16 * DAY) {
    const d = new Date(start);
    let month = Math.ceil((d.getUTCFullYear() * 12 + d.getUTCMonth() + (d.getUTCDate() > 1 ? 1 : 0)) / months) * months;
    for (; ; month += months) {
      const t = Date.UTC(Math.floor(month / 12), month % 12, 1);
      if (t > end) return out;
      out.push([t, months >= 12 ? String(Math.floor(month / 12)) : day(t).slice(0, 7)]);
    }
  }
  const steps = [1 / 96, 1 / 24, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 7, 14].map((n) => n * DAY);
  const step = steps.find((s) => span / s <= most) || 28 * DAY;
  for (let t = Math.ceil(start / step) * step; t <= end; t += step) {
    out.push([t, step >= DAY ? day(t).slice(5) : t % DAY === 0 ? day(t).slice(5) : minute(t)]);
  }
  return out;
}

export function render({ model, el }) {
  const root = element("section", "card");
  const head = element("div", "head");
  const title = element("h2");
  const note = element("span", "note");
  head.append(title, note);
  const frame = element("div", "plot");
  const empty = element("p", "muted empty");
  root.append(head, frame, empty);
  const height = MARGIN.top + EQUITY_HEIGHT + GAP + DRAWDOWN_HEIGHT + AXIS_HEIGHT;
  const canvas = svg("svg", { height, role: "img" });
  frame.append(canvas);
  let scale = null;
  let pointer = null;
  const gradient = `fade-${Math.random().toString(36).slice(2)}`;

  function setNote() {
    const { times, equity, drawdown } = model.data;
    if (pointer === null || !scale || pointer >= times.length) {
      note.textContent = model.data.note;
      return;
    }
    const t = times[pointer];
    const hours = t % DAY === 0 || scale.end - scale.start > 400 * DAY ? "" : ` ${minute(t)}`;
    note.textContent = `${day(t)}${hours} UTC \u00b7 ${money(equity[pointer])} ${model.data.unit} \u00b7 drawdown ${percent(drawdown[pointer])}`;
  }

  function drawPointer() {
    canvas.querySelector(".pointer")?.remove();
    setNote();
    if (pointer === null || !scale || pointer >= model.data.times.length) return;
    const x = scale.x(model.data.times[pointer]);
    const group = svg("g", { class: "pointer" });
    group.append(
      svg("line", { x1: x, x2: x, y1: MARGIN.top, y2: height - AXIS_HEIGHT }),
      svg("circle", { cx: x, cy: scale.y(model.data.equity[pointer]), r: 4 }),
      svg("circle", { cx: x, cy: scale.d(model.data.drawdown[pointer]), r: 3.5, class: "down" }),
    );
    canvas.append(group);
  }

  function line(xs, ys) {
    let path = "";
    for (let i = 0; i < xs.length; i += 1) path += `${i ? "L" : "M"}${xs[i].toFixed(1)} ${ys[i].toFixed(1)}`;
    return path;
  }

  function draw() {
    const data = model.data;
    title.textContent = data.title;
    root.setAttribute("aria-label", data.title);
    const enough = data.times.length > 0;
    frame.hidden = !enough;
    empty.hidden = enough;
    empty.textContent = data.empty;
    canvas.replaceChildren();
    scale = null;
    const width = Math.floor(frame.clientWidth);
    if (!enough || width < 60) {
      setNote();
      return;
    }
    canvas.setAttribute("width", width);
    canvas.setAttribute("viewBox", `0 0 ${width} ${height}`);
    canvas.setAttribute("aria-label", `${data.title}: ${data.note}`);
    const right = width - MARGIN.right;
    const start = data.times[0];
    const end = Math.max(data.times[data.times.length - 1], start + 1);
    let low = Math.min(...data.equity, data.base);
    let high = Math.max(...data.equity, data.base);
    const room = (high - low) * 0.06 || Math.abs(high) * 0.002 || 1;
    low -= room;
    high += room;
    const deepest = Math.min(...data.drawdown, -0.001) * 1.08;
    const topOfDrawdown = MARGIN.top + EQUITY_HEIGHT + GAP;
    scale = {
      start,
      end,
      x: (t) => MARGIN.left + ((t - start) / (end - start)) * (right - MARGIN.left),
      y: (v) => MARGIN.top + ((high - v) / (high - low)) * EQUITY_HEIGHT,
      d: (v) => topOfDrawdown + (v / deepest) * DRAWDOWN_HEIGHT,
    };
    const defs = svg("defs");
    const fade = svg("linearGradient", { id: gradient, x1: 0, x2: 0, y1: 0, y2: 1 });
    fade.append(svg("stop", { offset: 0, "stop-color": "#0b5cad", "stop-opacity": 0.16 }), svg("stop", { offset: 1, "stop-color": "#0b5cad", "stop-opacity": 0.01 }));
    defs.append(fade);
    canvas.append(defs);

    const levels = niceTicks(low, high, 6);
    for (const v of levels.ticks) {
      const y = scale.y(v);
      canvas.append(svg("line", { x1: MARGIN.left, x2: right, y1: y, y2: y, class: "grid" }));
      canvas.append(svg("text", { x: right + 8, y: y + 4, class: "axis" }, axisLabel(v, levels.step)));
    }
    const depths = niceTicks(deepest, 0, 3);
    for (const v of depths.ticks) {
      const y = scale.d(v);
      const zero = Math.abs(v) < depths.step / 2;
      canvas.append(svg("line", { x1: MARGIN.left, x2: right, y1: y, y2: y, class: "grid" }));
      const decimals = Math.max(0, Math.min(3, Math.ceil(-Math.log10(depths.step * 100) - 1e-9)));
      canvas.append(svg("text", { x: right + 8, y: y + 4, class: "axis" }, zero ? "0 %" : `\u2212${Math.abs(v * 100).toFixed(decimals)} %`));
    }
    for (const [t, label] of timeTicks(start, end, Math.max(2, Math.floor(width / 110)))) {
      const x = scale.x(t);
      canvas.append(svg("line", { x1: x, x2: x, y1: MARGIN.top, y2: height - AXIS_HEIGHT, class: "grid" }));
      const anchor = x < 24 ? "start" : "middle";
      canvas.append(svg("text", { x, y: height - 5, class: "axis", "text-anchor": anchor }, label));
    }
    canvas.append(svg("text", { x: MARGIN.left + 2, y: topOfDrawdown - 7, class: "axis" }, "Drawdown from the peak"));
    const xs = data.times.map(scale.x);
    const ys = data.equity.map(scale.y);
    const ds = data.drawdown.map(scale.d);
    const last = xs.length - 1;
    const bottom = MARGIN.top + EQUITY_HEIGHT;
    canvas.append(
      svg("line", { x1: MARGIN.left, x2: right, y1: scale.y(data.base), y2: scale.y(data.base), class: "base" }),
      svg("path", { d: `${line(xs, ys)}L${xs[last].toFixed(1)} ${bottom}L${xs[0].toFixed(1)} ${bottom}Z`, fill: `url(#${gradient})` }),
      svg("path", { d: line(xs, ys), class: "equity" }),
      svg("path", { d: `${line(xs, ds)}L${xs[last].toFixed(1)} ${topOfDrawdown}L${xs[0].toFixed(1)} ${topOfDrawdown}Z`, class: "drawdown" }),
      svg("path", { d: line(xs, ds), class: "drawdown-edge" }),
      svg("circle", { cx: xs[last], cy: ys[last], r: 3.5, class: "now" }),
    );
    drawPointer();
  }

  function follow(event) {
    if (!scale) return;
    const { left } = canvas.getBoundingClientRect();
    const { times } = model.data;
    const wanted = scale.start + ((event.clientX - left - MARGIN.left) / (canvas.clientWidth - MARGIN.left - MARGIN.right)) * (scale.end - scale.start);
    let low = 0;
    let high = times.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    pointer = low > 0 && wanted - times[low - 1] < times[low] - wanted ? low - 1 : low;
    drawPointer();
  }
  canvas.addEventListener("pointermove", follow);
  canvas.addEventListener("pointerdown", follow);
  canvas.addEventListener("pointerleave", () => {
    pointer = null;
    drawPointer();
  });
  model.on("data", draw);
  const observer = new ResizeObserver(() => draw());
  observer.observe(frame);
  model.on("remove", () => observer.disconnect());
  el.append(root);
  draw();
}
