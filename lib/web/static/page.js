"use strict";
// Without this the page works too: then it shows what is new when it is loaded again.
(() => {
  const PAUSE = 2000;
  // What is being worked out takes no longer, most of the time.
  const SOON = 400;
  const news = document.getElementById("news");
  let source = null;
  let due = 0;
  let timer = 0;

  // Put what is new into the page; what is open, and has the focus, stays so.
  async function refresh() {
    timer = 0;
    due = Date.now() + PAUSE;
    const answer = await fetch(location.href, { cache: "no-store" });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    const here = document.getElementById("main");
    const there = found.getElementById("main");
    if (!there) return;
    if (there.querySelector("[data-soon]")) later();
    if (here.innerHTML === there.innerHTML) return;
    const focused = document.activeElement;
    const isIn = here.contains(focused);
    if (isIn && /^(INPUT|BUTTON)$/.test(focused.tagName)) return;
    const href = isIn && focused.getAttribute("href");
    for (const one of here.querySelectorAll("details[open][id]")) {
      const same = there.querySelector(`details[id="${CSS.escape(one.id)}"]`);
      if (same) same.open = true;
    }
    here.replaceChildren(...there.childNodes);
    if (href) here.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
    news.textContent = "Shown as of now.";
  }

  function later() {
    if (!timer) timer = setTimeout(() => refresh().catch(() => {}), Math.max(0, due - Date.now()));
  }

  // A browser has few connections to one place: pages that nobody sees hold none.
  function listen() {
    const isWanted = !document.hidden && document.querySelector("main[data-live]");
    if (isWanted && !source) {
      source = new EventSource("live");
      source.addEventListener("change", later);
      source.onerror = () => { news.textContent = "Not connected: pattern-tracker serve has ended."; };
      source.onopen = () => { news.textContent = ""; };
    } else if (!isWanted && source) {
      source.close();
      source = null;
    }
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && document.querySelector("main[data-live]")) later();
    listen();
  });
  addEventListener("pagehide", () => { source?.close(); source = null; });
  addEventListener("pageshow", listen);
  listen();

  // What an address leads to is open.
  function unfold() {
    const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (named instanceof HTMLDetailsElement) named.open = true;
  }
  addEventListener("hashchange", unfold);
  unfold();

  if (document.querySelector("[data-soon]")) {
    due = Date.now() + SOON;
    later();
  }

  document.addEventListener("input", (event) => {
    if (event.target.id === "step") document.querySelector("output[for=step]").value = event.target.value;
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "step") event.target.form.submit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const rel = { "[": "prev", "]": "next" }[event.key];
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("q").focus();
    } else if (rel) document.querySelector(`main a[rel=${rel}]`)?.click();
  });
})();
