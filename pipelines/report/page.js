"use strict";
// Charts take their colours from the page, so that they follow light and dark.
const theme = () => {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line };
  return { ink, axis };
};
const themed = (layout) => {
  const { ink, axis } = theme();
  return { ...layout, font: { ...layout.font, color: ink },
    xaxis: { ...layout.xaxis, ...axis }, yaxis: { ...layout.yaxis, ...axis } };
};
const draw = () => document.querySelectorAll("script[data-for]").forEach((source) => {
  const figure = JSON.parse(source.textContent);
  Plotly.react(source.dataset.for, figure.data, themed(figure.layout), { responsive: true, displayModeBar: false });
});
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

const search = document.getElementById("search"), status = document.getElementById("status");
const rows = [...document.querySelectorAll("#rows tbody tr")];
const filter = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const fits = (!status.value || row.dataset.status === status.value) && words.every((word) => text.includes(word));
    row.hidden = !fits;
    shown += fits;
  }
  document.getElementById("count").textContent = `${shown} of ${rows.length} rows`;
};
search.addEventListener("input", filter);
status.addEventListener("change", filter);
filter();
