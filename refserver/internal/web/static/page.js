// Small helps that every page works without: times in the reader's zone, / for the search,
// and focus on what is wrong with a form.
(() => {
  "use strict";
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
  const moment = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });

  const local = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([data-shown])")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime()) || !time.dateTime.includes("T")) continue;
      time.dataset.shown = "1";
      time.title = time.textContent.trim();
      time.textContent = (time.textContent.includes(":") ? moment : day).format(at);
    }
  };
  local(document);
  document.addEventListener("refreshed", (event) => local(event.target));

  document.addEventListener("keydown", (event) => {
    const find = document.getElementById("find");
    if (event.key !== "/" || !find || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    find.focus();
  });

  // An operation that runs is looked at each second; when it ends, the page is read anew.
  for (const bar of document.querySelectorAll("[data-progress]")) {
    const set = (name, text) => {
      for (const node of document.querySelectorAll("[data-" + name + "]")) {
        node.textContent = text;
        node.hidden = text === "";
      }
    };
    const left = (seconds) => {
      if (seconds === null) return "";
      if (seconds < 10) return "About a few seconds left";
      if (seconds < 90) return "About " + seconds + " seconds left";
      return "About " + Math.round(seconds / 60) + " minutes left";
    };
    const look = async () => {
      try {
        const answer = await fetch("/api/progress/" + bar.dataset.progress, { cache: "no-store" });
        if (!answer.ok) throw new Error(answer.status);
        const now = await answer.json();
        if (now.state !== "running") {
          location.reload();
          return;
        }
        bar.querySelector("progress").value = now.percent;
        set("percent", now.percent + " %");
        set("message", now.message);
        set("done", String(now.done));
        set("left", left(now.seconds_left));
        setTimeout(look, 1000);
      } catch {
        setTimeout(look, 5000);
      }
    };
    setTimeout(look, 1000);
  }

  const mistakes = document.getElementById("mistakes");
  if (mistakes) mistakes.focus();
})();
