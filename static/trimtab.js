/* Trimtab in the page: everything here only makes quicker what already works without it. */
(() => {
  "use strict";
  const root = document.documentElement;
  const self = document.currentScript;
  const year = 60 * 60 * 24 * 365;
  root.classList.add("js");

  /* choices kept in cookies, so that the server draws the page right the first time */
  const cookie = (name) => (document.cookie.match(new RegExp(`(?:^|; )${name}=([^;]*)`)) || [])[1] || "";
  const keep = (name, value) => {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${name}=${value}; path=/; max-age=${value ? year : 0}; samesite=lax${secure}`;
  };

  /* theme */
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const press = (group, value) => {
    for (const button of document.querySelectorAll(`[data-choice="${group}"] button`)) {
      button.setAttribute("aria-pressed", String(button.value === value));
    }
  };
  const setTheme = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    keep("theme", theme);
    press("theme", theme);
    drawCharts(document, true);
  };

  /* charts: the specification stands in the page as JSON, the look in vega-config.json */
  let looks = null;
  const looksOf = () => {
    looks ||= fetch(self.dataset.vegaConfig).then((answer) => answer.json());
    return looks;
  };
  const isSimple = (spec) => !["hconcat", "vconcat", "concat", "facet", "repeat"].some((key) => key in spec);
  const drawChart = async (mount) => {
    const figure = mount.closest("[data-chart]");
    const table = figure.querySelector(".chart-table");
    try {
      const spec = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
      const config = (await looksOf())[isDark() ? "dark" : "light"];
      if (isSimple(spec) && mount.clientWidth) {
        spec.width = mount.clientWidth;
        spec.autosize = { type: "fit-x", contains: "padding" };
      }
      await window.vegaEmbed(mount, spec, {
        config, ast: true, actions: false, defaultStyle: false, tooltip: false, renderer: "svg",
      });
      if (table && !("ready" in table.dataset)) table.open = false;
    } catch (fault) {
      mount.classList.add("failed");
      console.error(fault);
    }
    if (table) table.dataset.ready = "";
  };
  const drawCharts = (place, again = false) => {
    const mounts = place.querySelectorAll("[data-chart] .chart-mount");
    if (!mounts.length) return;
    if (!window.vegaEmbed) {
      for (const table of place.querySelectorAll(".chart-table")) table.dataset.ready = "";
      return;
    }
    for (const mount of mounts) if (again || !mount.hasChildNodes()) drawChart(mount);
  };
  systemDark.addEventListener("change", () => drawCharts(document, true));
  let drawnWidth = innerWidth;
  addEventListener("resize", () => {
    clearTimeout(drawCharts.timer);
    drawCharts.timer = setTimeout(() => {
      if (drawnWidth !== innerWidth) drawCharts(document, true);
      drawnWidth = innerWidth;
    }, 200);
  });

  /* rows that unfold: links to `#row` that `:target` opens; here they open and shut in place */
  const readyFolds = (place) => {
    for (const link of place.querySelectorAll(".fold a.open")) {
      const body = link.closest(".fold");
      link.setAttribute("role", "button");
      if (location.hash === `#${body.id}`) body.classList.add("is-open");
      link.setAttribute("aria-expanded", String(body.classList.contains("is-open")));
    }
  };
  const toggleFold = (link) => {
    const body = link.closest(".fold");
    const open = body.classList.toggle("is-open");
    body.classList.toggle("is-shut", !open);
    link.setAttribute("aria-expanded", String(open));
  };
  document.addEventListener("click", (event) => {
    const fold = event.target.closest(".fold a.open");
    if (fold && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      toggleFold(fold);
      return;
    }
    const choice = event.target.closest("[data-choice] button");
    if (choice) {
      const group = choice.closest("[data-choice]").dataset.choice;
      if (group === "theme") setTheme(choice.value);
      if (group === "keys") { keep("keys", choice.value); press("keys", choice.value); }
    }
    for (const menu of document.querySelectorAll(".menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  /* keyboard: `/` finds, j and k walk the rows, a page's own keys stand on its buttons as data-key */
  const isTyping = (target) => target.closest("input, select, textarea, [contenteditable]");
  const walk = (step) => {
    const stops = [...document.querySelectorAll(".ledger tbody th[scope=row] a")].filter((link) => link.offsetParent);
    if (!stops.length) return;
    const next = stops.indexOf(document.activeElement) + step;
    stops[Math.max(0, Math.min(stops.length - 1, next))].focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.matches?.(".fold a.open")) {
      event.preventDefault();
      toggleFold(event.target);
      return;
    }
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll(".menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || cookie("keys") === "off") return;
    if (event.key === "/") {
      const find = document.querySelector("[data-find]");
      if (find) { event.preventDefault(); if (find.matches("input")) find.focus(); else find.click(); }
      return;
    }
    if (event.key === "j" || event.key === "k") { walk(event.key === "j" ? 1 : -1); return; }
    const mine = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (mine) { event.preventDefault(); mine.focus(); mine.click(); }
  });

  /* a form that was refused: its summary takes the focus */
  const focusFaults = (place) => place.querySelector?.("[data-faults]")?.focus();

  /* a select that changes what a form asks: parts are shown by data-when="name=value|value" */
  const showParts = (place) => {
    for (const part of place.querySelectorAll("[data-when]")) {
      const [name, values] = part.dataset.when.split("=");
      const field = part.closest("form").elements[name];
      if (field) part.hidden = !values.split("|").includes(field.value);
    }
  };
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form");
    if (form) showParts(form);
    if (event.target.matches("[data-submit-on-change]")) form.requestSubmit();
  });

  const say = (text) => {
    const place = document.getElementById("announce");
    if (place) place.textContent = text;
  };
  const ready = (place) => {
    readyFolds(place);
    showParts(place);
    drawCharts(place);
    focusFaults(place);
  };
  press("theme", root.dataset.theme || "");
  press("keys", cookie("keys"));
  ready(document);

  document.addEventListener("htmx:afterSwap", (event) => ready(event.detail.target.isConnected ? event.detail.target : document));
  document.addEventListener("htmx:responseError", (event) => {
    say(`The server refused (${event.detail.xhr.status}). Nothing was changed. Reload the page and try again.`);
  });
  document.addEventListener("htmx:sendError", () => say("The server cannot be reached. Nothing was changed."));
})();
