// Keeps the dashboard up to date: the server sends the changing part when it
// has changed, and each section that differs takes the place of the old one.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const state = document.getElementById("live-state");
  if (!live || !window.EventSource) return;

  const tell = (tone, text) => {
    state.className = "badge " + tone;
    state.textContent = text;
  };

  const update = (html) => {
    const next = new DOMParser().parseFromString(html, "text/html");
    for (const fresh of next.querySelectorAll("[data-live]")) {
      const old = document.getElementById(fresh.id);
      if (!old || (old.dataset.seen || old.outerHTML) === fresh.outerHTML) continue;
      // What somebody has opened or is in stays as it is until they leave.
      if (old.contains(document.activeElement)) continue;
      const seen = fresh.outerHTML;
      const open = [...old.querySelectorAll("details")].map((d) => d.open);
      // Parsed here and not moved over: a picture chooses its source by the
      // window it was parsed in.
      old.outerHTML = seen;
      const now = document.getElementById(fresh.id);
      [...now.querySelectorAll("details")].forEach((d, i) => { d.open = open[i] === true; });
      now.dataset.seen = seen;
      now.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
    }
  };

  const source = new EventSource("/admin/dashboard/stream?" + live.dataset.query);
  source.addEventListener("open", () => tell("good", "live"));
  source.addEventListener("dashboard", (event) => update(event.data));
  source.addEventListener("error", () => {
    tell("warn", source.readyState === EventSource.CLOSED ? "not live: reload the page" : "connecting again");
  });
})();
