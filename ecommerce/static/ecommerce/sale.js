"use strict";

/* What the live sale page draws of the figures that `live.js` asks for. */
(() => {
  const page = document.getElementById("live-sale");
  const language = document.documentElement.lang;
  const counts = new Intl.NumberFormat(language);
  const rate = new Intl.NumberFormat(language, { minimumFractionDigits: 1 });

  let chart = null;

  const colorOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function drawChart(figures) {
    if (!chart) {
      const grey = "#737d8c"; // readable on light and dark
      chart = new Chart(document.getElementById("live-chart"), {
        type: "bar",
        data: {
          labels: [],
          datasets: [
            { label: page.dataset.series, data: [], backgroundColor: colorOf("--color-primary-600") },
          ],
        },
        options: {
          animation: false,
          maintainAspectRatio: false,
          plugins: { legend: { display: false } },
          scales: {
            x: { grid: { display: false }, ticks: { color: grey, maxTicksLimit: 6, maxRotation: 0 } },
            y: { beginAtZero: true, ticks: { color: grey, precision: 0, maxTicksLimit: 5 } },
          },
        },
      });
    }
    chart.data.labels = figures.labels;
    chart.data.datasets[0].data = figures.steps;
    chart.update();
  }

  function drawTable(figures) {
    const rows = figures.labels.map((label, index) => {
      const row = document.createElement("tr");
      const [from, issued] = [document.createElement("th"), document.createElement("td")];
      from.scope = "row";
      from.className = "font-normal pr-6 py-1 text-left";
      from.textContent = label;
      issued.className = "py-1 shop-number text-right";
      issued.textContent = counts.format(figures.steps[index]);
      row.append(from, issued);
      return row;
    });
    document.getElementById("live-table").replaceChildren(...rows);
  }

  function drawLast(rows) {
    const list = document.getElementById("live-last");
    if (!list || !rows) {
      return;
    }
    list.replaceChildren(
      ...rows.map((row) => {
        const item = document.createElement("li");
        item.className = "border-base-200 dark:border-base-800 flex gap-2 py-2 shop-row";
        for (const [text, style] of [
          [`#${counts.format(row.number)}`, "shop-number text-important"],
          [row.member, "min-w-0 truncate"],
          [row.at, "ml-auto shop-number"],
        ]) {
          const cell = document.createElement("span");
          cell.className = style;
          cell.textContent = text;
          item.append(cell);
        }
        return item;
      }),
    );
  }

  page.addEventListener("figures", ({ detail: figures }) => {
    page.querySelector("[data-figure=per_second]").textContent = rate.format(figures.per_second);
    page.dataset.state = figures.state.name;
    const share = figures.total ? (100 * figures.issued) / figures.total : 0;
    document.getElementById("live-progress").style.width = `${share}%`;
    drawChart(figures);
    drawTable(figures);
    drawLast(figures.last);
  });
})();
