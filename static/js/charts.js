// Draws every figure with data-chart by Chart.js, from the JSON that stands in it. Without this the tables are there.
"use strict";

(() => {
  const CALM = { animation: false, responsive: true, maintainAspectRatio: false, normalized: true };
  const charts = new Map();

  // A colour of the style sheet as rgb: the browser resolves light-dark() only on an element.
  function colours() {
    const probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
    const read = (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    const names = ["ink", "soft", "faint", "rule", "edge", "card", "candidate", "baseline"];
    const found = Object.fromEntries(names.map((name) => [name, read(name)]));
    found.sans = getComputedStyle(document.body).fontFamily;
    probe.remove();
    return found;
  }

  const clear = (rgb, share) => rgb.replace("rgb(", "rgba(").replace(")", `, ${share})`);

  // As figures.py writes numbers.
  const WRITE = {
    percent: (value) => `${(100 * value).toFixed(1)}%`,
    points: (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`,
    count: (value) => Math.round(value).toLocaleString("en"),
    number: (value) => Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 6 }),
    difference: (value) => (value > 0 ? "+" : "") + WRITE.number(value),
  };
  const SUFFIX = { points: " points" };
  const short = (value, unit) => write(value, unit).replace(/\.0(?=%|$)/, "");
  const minus = (text) => text.replace("-", "\u2212");
  const write = (value, unit) => (value === null ? "not defined" : minus((WRITE[unit] ?? WRITE.number)(value)));

  const HOUR = 3600e3;
  const DAY = 24 * HOUR;
  const STEPS = [1 / 60, 5 / 60, 0.25, 1, 3, 6, 12, 24, 48, 72, 168, 336, 672].map((hours) => hours * HOUR);
  const part = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
  const CLOCK = part({ hour: "2-digit", minute: "2-digit" });
  const DATE = part({ day: "numeric", month: "short" });

  const moment = (at) => `${DATE.format(at)} ${CLOCK.format(at)} UTC`;

  // Ticks at whole hours or days, as many as there is room for.
  function timeTicks(scale) {
    const most = Math.max(2, Math.floor(scale.width / 72));
    const step = STEPS.find((one) => (scale.max - scale.min) / one <= most) ?? STEPS.at(-1);
    const ticks = [];
    for (let at = Math.ceil(scale.min / step) * step; at <= scale.max; at += step) ticks.push({ value: at });
    scale.ticks = ticks;
  }
  function timeLabel(at, index, ticks) {
    const days = ticks.length < 2 || ticks[1].value - ticks[0].value >= DAY;
    if (days) return DATE.format(at);
    const changes = index === 0 || Math.floor(ticks[index - 1].value / DAY) !== Math.floor(at / DAY);
    return changes ? [CLOCK.format(at), DATE.format(at)] : CLOCK.format(at);
  }

  function axis(colour, title, options = {}) {
    const { ticks, grid, ...others } = options;
    return {
      border: { display: false },
      grid: { color: colour.rule, ...grid },
      title: { display: Boolean(title), text: title, color: colour.soft, font: { size: 12 } },
      ticks: { color: colour.soft, maxRotation: 0, font: { size: 11.5 }, ...ticks },
      ...others,
    };
  }

  // At least an hour: around a single moment Chart.js would draw a twentieth of the time since 1970.
  function timeAxis(colour, first, last) {
    const room = last - first < HOUR ? HOUR / 2 : 0;
    return axis(colour, "", {
      type: "linear",
      bounds: "data",
      suggestedMin: first - room,
      suggestedMax: last + room,
      afterBuildTicks: timeTicks,
      ticks: { callback: timeLabel },
      grid: { display: false },
    });
  }
  const unitAxis = (colour) =>
    axis(colour, "units in both arms", { type: "linear", bounds: "data", ticks: { callback: (value) => write(value, "count") }, grid: { display: false } });

  function tooltip(colour, callbacks) {
    return {
      animation: false,
      backgroundColor: colour.card,
      borderColor: colour.edge,
      borderWidth: 1,
      titleColor: colour.ink,
      bodyColor: colour.ink,
      footerColor: colour.soft,
      footerFont: { weight: "normal" },
      padding: 10,
      boxPadding: 4,
      callbacks,
    };
  }

  const line = (colour, more) => ({
    borderColor: colour,
    backgroundColor: colour,
    borderWidth: 2,
    pointRadius: 0,
    pointHitRadius: 12,
    ...more,
  });

  // The estimate over time inside its band; the dashed line is no difference, or a margin.
  function band(data, colour) {
    const place = (index) => data.points.map((point) => ({ x: point[0], y: point[index] }));
    const edge = line(clear(colour.candidate, 0.45), { borderWidth: 1, pointHitRadius: 0 });
    const ends = [data.points[0]?.[0], data.points.at(-1)?.[0]];
    const level = (y) => ({
      label: "level",
      data: ends.map((x) => ({ x, y })),
      ...line(colour.ink, { borderWidth: 1.5, borderDash: [4, 4], pointHitRadius: 0 }),
    });
    const few = data.points.length < 16 ? 3 : 0;
    return {
      type: "line",
      data: {
        datasets: [
          { label: "estimate", data: place(2), ...line(colour.candidate, { borderWidth: 2.5, pointRadius: few }) },
          { label: "low", data: place(3), ...edge },
          { label: "high", data: place(4), ...edge, fill: "-1", backgroundColor: clear(colour.candidate, 0.16) },
          ...data.levels.map(level),
        ],
      },
      options: {
        interaction: { mode: "index", intersect: false },
        scales: {
          x: data.x === "n" ? unitAxis(colour) : timeAxis(colour, ...ends),
          y: axis(colour, data.y_title, { min: data.low, max: data.high, ticks: { includeBounds: false, callback: (value) => short(value, data.unit) } }),
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            ...tooltip(colour, {
              title: (items) => {
                const at = data.points[items[0].dataIndex][0];
                return data.x === "n" ? `${write(at, "count")} units` : moment(at);
              },
              label: (item) => `${write(item.parsed.y, data.unit)}${SUFFIX[data.unit] ?? ""}`,
              footer: (items) => {
                const [, n, , low, high] = data.points[items[0].dataIndex];
                return [`${write(low, data.unit)} to ${write(high, data.unit)}`, `n ${write(n, "count")}`];
              },
            }),
            filter: (item) => item.datasetIndex === 0,
          },
        },
      },
    };
  }

  const arms = (data, colour) => [
    { label: data.names[0], data: data.control, ...dress(data, colour.baseline) },
    { label: data.names[1], data: data.treatment, ...dress(data, colour.candidate) },
  ];
  const dress = (data, rgb) =>
    data.times ? line(rgb, { fill: { target: "origin", above: clear(rgb, 0.14) }, pointRadius: data.times.length < 30 ? 2.5 : 0 }) : { backgroundColor: rgb, borderRadius: 2, categoryPercentage: 0.86, barPercentage: 0.95 };

  const legend = (colour) => ({ align: "start", labels: { color: colour.soft, boxWidth: 12, boxHeight: 12, font: { size: 12.5 } } });
  const each = (data) => (item) => ` ${item.dataset.label}: ${write(item.parsed.y, data.unit)}${data.notes ? ` (${data.notes[item.datasetIndex][item.dataIndex]})` : ""}`;

  // Both arms side by side over labels.
  function bars(data, colour) {
    return {
      type: "bar",
      data: { labels: data.labels, datasets: arms(data, colour) },
      options: {
        interaction: { mode: "index", intersect: false },
        scales: {
          x: axis(colour, data.x_title, { grid: { display: false } }),
          y: axis(colour, data.y_title, { beginAtZero: true, ticks: { callback: (value) => short(value, data.unit) } }),
        },
        plugins: { legend: legend(colour), tooltip: tooltip(colour, { label: each(data) }) },
      },
    };
  }

  // Both arms over time.
  function lines(data, colour) {
    const placed = (values) => values.map((y, index) => ({ x: data.times[index], y }));
    const drawn = { ...data, control: placed(data.control), treatment: placed(data.treatment) };
    return {
      type: "line",
      data: { datasets: arms(drawn, colour) },
      options: {
        interaction: { mode: "index", intersect: false },
        scales: {
          x: timeAxis(colour, data.times[0], data.times.at(-1)),
          y: axis(colour, data.y_title, { beginAtZero: true, ticks: { precision: 0, callback: (value) => short(value, data.unit) } }),
        },
        plugins: {
          legend: legend(colour),
          tooltip: tooltip(colour, { title: (items) => moment(items[0].parsed.x), label: each(data) }),
        },
      },
    };
  }

  const KINDS = { band, bars, lines };

  function draw(figure) {
    const canvas = figure.querySelector("canvas");
    const data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const colour = colours();
    Chart.defaults.font.family = colour.sans;
    const { options, ...rest } = KINDS[figure.dataset.chart](data, colour);
    charts.get(figure)?.destroy();
    charts.set(figure, new Chart(canvas, { ...rest, options: { ...CALM, ...options } }));
  }

  function drawAll() {
    for (const [figure, chart] of charts) {
      if (figure.isConnected) continue;
      chart.destroy();
      charts.delete(figure);
    }
    for (const figure of document.querySelectorAll("figure[data-chart]")) if (!charts.has(figure)) draw(figure);
  }

  function redraw() {
    for (const figure of charts.keys()) draw(figure);
  }

  drawAll();
  // In the same turn as the new part comes in, so that nothing is seen empty.
  document.addEventListener("htmx:afterSwap", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
})();
