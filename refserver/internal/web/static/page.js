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

  const mistakes = document.getElementById("mistakes");
  if (mistakes) mistakes.focus();
})();
