"use strict";

/* What every page of the back office does in the browser. */
(() => {
  const SIGNED_OUT = "signed-out";
  /* What the page showed, by which the shop tells what was typed from what a colleague changed
     meanwhile; and that it is this form, which acts once. */
  const CARRIED = /^form_key$|^initial-/;
  const NOT_KEPT = /^(csrfmiddlewaretoken|form_key|initial-.*|.*-initial-.*|step|seen|action|_selected_action|select_across|form-[A-Z_]+)$/;

  /* --- What was typed outlives an expired session ------------------------------------------- */

  const text = (kind, name) =>
    document.querySelector(`#shop-texts [data-${kind}="${name}"]`)?.textContent ?? "";

  const place = `typed:${location.pathname}`;

  const fieldsOf = (form) =>
    [...form.elements].filter(
      (field) =>
        field.name &&
        !NOT_KEPT.test(field.name) &&
        !["password", "file", "submit", "button", "hidden"].includes(field.type),
    );

  const carriedBy = (form) =>
    [...form.querySelectorAll("input[type=hidden]")].filter((one) => CARRIED.test(one.name));

  /* Which rows the inputs of a list are of: their names only count them. They are kept by the
     rows' ids: others may stand there by then. */
  const ROW = /^((?:initial-)?form-)(\d+)(?=-)/;

  const rowsOf = (form) =>
    [...form.querySelectorAll("input[type=hidden][name^='form-'][name$='-id']")].map(
      (one) => one.value,
    );

  const renamed = (name, row) => name.replace(ROW, (_, start, of) => start + row(of));

  function keep(form) {
    const rows = rowsOf(form);
    const nameOf = ({ name }) => renamed(name, (n) => rows[n]);
    const typed = fieldsOf(form).map((field) => {
      if (field.type === "checkbox" || field.type === "radio") {
        return [nameOf(field), field.value, field.checked];
      }
      const chosen = [...(field.selectedOptions ?? [])].map((option) => option.value);
      return [nameOf(field), field.tagName === "SELECT" ? chosen : field.value, null];
    });
    const carried = carriedBy(form).map((one) => [nameOf(one), one.value]);
    sessionStorage.setItem(place, JSON.stringify({ rows, typed, carried }));
  }

  function restore(form, { rows, typed, carried }) {
    const now = rowsOf(form);
    const hereIs = (name) => renamed(name, (id) => now.indexOf(id));
    for (const one of carriedBy(form)) {
      const n = one.name.match(ROW)?.[2];
      if (!n || rows.includes(now[n])) {
        one.remove();
      }
    }
    for (const [kept, value] of carried) {
      const said = { type: "hidden", name: hereIs(kept), value };
      form.append(Object.assign(document.createElement("input"), said));
    }
    const key = form.elements.form_key?.value;
    history.replaceState({ ...history.state, form_key: key }, "");
    for (const [kept, value, checked] of typed) {
      for (const field of fieldsOf(form).filter((one) => one.name === hereIs(kept))) {
        if (checked !== null) {
          field.checked = field.value === value ? checked : field.checked;
        } else if (field.tagName === "SELECT") {
          for (const option of field.options) {
            option.selected = value.includes(option.value);
          }
        } else {
          field.value = value;
        }
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.dispatchEvent(new Event("change", { bubbles: true }));
      }
    }
  }

  const NOTE =
    "shop-note mb-4 px-3 py-2.5 rounded-default bg-blue-100 text-blue-700" +
    " dark:bg-blue-500/20 dark:text-blue-300";

  function say(form, text) {
    const note = document.createElement("p");
    note.setAttribute("role", "status");
    note.className = NOTE;
    note.textContent = text;
    form.before(note);
  }

  function remember() {
    if (document.querySelector("body.login, [data-too-old]")) {
      sessionStorage.setItem(SIGNED_OUT, "yes");
      return;
    }
    const form = document.querySelector(
      "#content-main form[method=post]:not(#changelist-form), #changelist-form:has([name$='-id'])",
    );
    if (sessionStorage.getItem(SIGNED_OUT) && form) {
      const kept = JSON.parse(sessionStorage.getItem(place));
      if (kept) {
        restore(form, kept);
        say(form, text("text", "typed-again"));
        if (kept.rows.some((id) => !rowsOf(form).includes(id))) {
          say(form, text("text", "rows-gone"));
        }
      }
    }
    for (const key of Object.keys(sessionStorage).filter((one) => one.startsWith("typed:"))) {
      sessionStorage.removeItem(key);
    }
    sessionStorage.removeItem(SIGNED_OUT);
    form?.addEventListener("submit", () => keep(form));
  }

  /* --- The way to what is wrong -------------------------------------------------------------- */

  const INPUT = "input:not([type=hidden]), select, textarea";

  function leadToErrors() {
    const rows = [...document.querySelectorAll("#content-main .errors, .shop-save .errors")].filter(
      (row) => row.querySelector(INPUT) && !row.querySelector(".errors"),
    );
    const note = document.querySelector("#content-main p.errornote");
    if (!rows.length) {
      return;
    }
    const list = document.createElement("ul");
    list.className = "shop-errors";
    for (const row of rows) {
      const field = row.querySelector(INPUT);
      const name = row.querySelector("label")?.textContent.replace("*", "").trim();
      const label = name ?? field.getAttribute("aria-label");
      const told = row.querySelector(".errorlist, .text-red-600, .text-red-700:not(label *)");
      field.setAttribute("aria-invalid", "true");
      if (!label) {
        continue;
      }
      const link = document.createElement("a");
      link.href = `#${field.id}`;
      link.textContent = label;
      link.addEventListener("click", (event) => {
        event.preventDefault();
        lead(field);
      });
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
      if (told) {
        told.id ||= `${field.id}_error`;
        field.setAttribute("aria-describedby", told.id);
      }
    }
    note?.append(list);
    // Not in the middle of what the browser does with the page's own autofocus.
    setTimeout(() => lead(rows[0].querySelector(INPUT)), 0);
  }

  function lead(field) {
    field.scrollIntoView({ block: "center" });
    field.focus({ preventScroll: true });
  }

  /* --- Rows that are changed in the list ----------------------------------------------------- */

  function askBeforeLosingRows() {
    const form = document.getElementById("changelist-form");
    if (!form?.querySelector("[name$='-id']")) {
      return;
    }
    const ask = (event) => event.preventDefault();
    document.addEventListener("input", ({ target }) => {
      if (target.form === form && /^(form-\d+-|reason$)/.test(target.name)) {
        document.body.classList.add("shop-changed");
        window.addEventListener("beforeunload", ask);
      }
    });
    form.addEventListener("submit", () => window.removeEventListener("beforeunload", ask));
  }

  /* --- Everything can be done by the keyboard, and has a name ----------------------------------- */

  const MENUS = "body > nav, [x-show] nav, nav[x-show]";

  function openMenu() {
    const shown = [...document.querySelectorAll(MENUS)].filter((menu) => menu.offsetParent);
    return shown.find((menu) => menu.id !== "nav-sidebar-inner" && menu.querySelector("a, button"));
  }

  function makePressable(element) {
    if (!element.matches("span, a:not([href]), div")) {
      return;
    }
    if (element.querySelector("a[href], button, input") || element.closest("button, a[href]")) {
      return;
    }
    element.setAttribute("role", "button");
    element.tabIndex = 0;
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        element.click();
        setTimeout(() => intoMenu(element), 100);
      }
    });
  }

  /* A menu that opens elsewhere on the page is gone through by the keyboard at once. */
  function intoMenu(opener) {
    const menu = openMenu();
    if (!menu) {
      return;
    }
    menu.querySelector("a, button").focus();
    menu.onkeydown = (event) => {
      if (event.key === "Escape") {
        opener.click();
        opener.focus();
      }
    };
  }

  function nameOf(element) {
    const icon = element.querySelector(".material-symbols-outlined") ?? element;
    return text("icon", icon.textContent.trim());
  }

  /* Icons are drawn by ligatures: without this they are read out as words, or not at all. */
  function nameIcons() {
    for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
      if (!icon.matches("[role=button], button, a")) {
        icon.setAttribute("aria-hidden", "true");
      }
    }
    for (const element of document.querySelectorAll("a[href], button, [role=button]")) {
      const rest = element.cloneNode(true);
      for (const icon of rest.querySelectorAll(".material-symbols-outlined")) {
        icon.remove();
      }
      const says = rest.matches(".material-symbols-outlined") ? "" : rest.textContent.trim();
      if (!says && !element.getAttribute("aria-label")) {
        const home = element.getAttribute("href") === "/admin/" ? text("text", "home") : "";
        const name = home || element.title || nameOf(element) || text("icon", "more_horiz");
        element.setAttribute("aria-label", name);
      }
    }
    for (const tooltip of document.querySelectorAll(".help-tooltip[aria-label]")) {
      tooltip.setAttribute("role", "img");
    }
    for (const chart of document.querySelectorAll("canvas.chart")) {
      const card = chart.closest("div.rounded-default");
      chart.setAttribute("role", "img");
      chart.setAttribute("aria-label", card?.querySelector("h2")?.textContent.trim() ?? "");
    }
    const erase = document.querySelector('#submit-row a[href*="/delete/"]');
    if (erase) {
      erase.textContent = text("text", "delete"); // of what follows in Korean, where it is English
    }
    document.getElementById("searchbar")?.setAttribute("aria-label", text("icon", "search"));
  }

  /* --- A file that is being made -------------------------------------------------------------- */

  const WAITED_FOR = "exporting"; // a cookie that the answer with the file takes away

  const isMade = () => !document.cookie.split("; ").some((one) => one.startsWith(`${WAITED_FOR}=`));

  function tellOfFiles() {
    const links = document.querySelectorAll('a[href*="/export_csv/"], a[href*="/export_xlsx/"]');
    const note = document.createElement("p");
    note.setAttribute("role", "status");
    const language = document.documentElement.lang;
    const passed = new Intl.NumberFormat(language, { style: "unit", unit: "second" });
    for (const link of links) {
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) {
          return; // into another tab
        }
        if (note.dataset.waits) {
          event.preventDefault();
          return;
        }
        const secure = location.protocol === "https:" ? "; Secure" : "";
        document.cookie = `${WAITED_FOR}=1; path=/admin/; SameSite=Lax; Max-Age=600${secure}`;
        note.className = NOTE;
        note.dataset.waits = "yes";
        note.textContent = text("text", "file-is-made");
        document.getElementById("content-main")?.prepend(note);
        const began = Date.now();
        const timer = setInterval(() => {
          const seconds = Math.round((Date.now() - began) / 1000);
          note.textContent = `${text("text", "file-is-made")} ${passed.format(seconds)}`;
          if (isMade()) {
            clearInterval(timer);
            delete note.dataset.waits;
            note.textContent = text("text", "file-is-there");
          }
        }, 500);
      });
    }
  }

  function ready() {
    leadToErrors();
    tellOfFiles();
    askBeforeLosingRows();
    remember();
    for (const element of document.querySelectorAll("[x-on\\:click]")) {
      makePressable(element);
    }
    nameIcons();
  }

  window.addEventListener("load", () => setTimeout(nameIcons, 0)); // of what others have made
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", ready);
  } else {
    ready();
  }
})();
