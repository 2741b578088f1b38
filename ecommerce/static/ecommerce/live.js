"use strict";

/* A page that asks for its figures, again and again while somebody looks. Each has a place that
 * names it; what is more than that is drawn by who listens for "figures". */
(() => {
  const EVERY = 2000;
  const SLOWEST = 15000;
  const PATIENCE = 8000;

  const page = document.querySelector("[data-live]");
  if (!page) {
    return;
  }
  const trouble = page.querySelector("[data-live-trouble]");
  const counts = new Intl.NumberFormat(document.documentElement.lang);

  let timer = null;
  let asking = false;
  let failures = 0;

  function show(figures) {
    if (figures.next) {
      location.replace(figures.next); // it is over
      return;
    }
    for (const place of page.querySelectorAll("[data-figure]")) {
      const figure = figures[place.dataset.figure];
      place.textContent = typeof figure === "number" ? counts.format(figure) : (figure.label ?? figure);
    }
    page.dispatchEvent(new CustomEvent("figures", { detail: figures }));
  }

  function say(text) {
    trouble.textContent = text;
    trouble.hidden = !text;
  }

  async function ask() {
    if (asking || document.hidden) {
      return;
    }
    asking = true;
    clearTimeout(timer);
    let again = true;
    try {
      const answer = await fetch(page.dataset.live, {
        headers: { Accept: "application/json" },
        redirect: "manual", // to the login, when the session is over
        signal: AbortSignal.timeout(PATIENCE),
      });
      if (answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status)) {
        say(page.dataset.signedOut);
        again = false;
      } else if (!answer.ok) {
        throw new Error(`${answer.status}`);
      } else {
        const figures = await answer.json();
        failures = 0;
        say("");
        again = !figures.next;
        show(figures);
      }
    } catch {
      failures += 1;
      say(page.dataset.unreachable);
    }
    asking = false;
    if (again && !document.hidden) {
      timer = setTimeout(ask, Math.min(EVERY * 2 ** failures, SLOWEST));
    }
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    ask();
  });
  ask();
})();
