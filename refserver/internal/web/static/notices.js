// Keeps the number of unread notices in the header up to date, while the page is seen: browsers
// keep few connections to a host open at a time.
(() => {
  "use strict";
  const bell = document.querySelector("[data-live-unread]");
  if (!bell || !window.EventSource) return;
  const count = bell.querySelector("[data-unread]");
  let source = null;
  let last = parseInt(count.textContent, 10);

  const show = (event) => {
    const { unread } = JSON.parse(event.data);
    const more = unread > last;
    last = unread;
    count.textContent = unread < 100 ? unread : "99+"; // the shop counts no further
    count.hidden = unread === 0;
    const news = document.querySelector("[data-news]");
    if (news && more) news.hidden = false;
  };

  const follow = () => {
    if (document.hidden) {
      if (source) source.close();
      source = null;
    } else if (!source) {
      source = new EventSource("/notifications/stream");
      source.addEventListener("unread", show);
    }
  };
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", () => { if (source) source.close(); source = null; });
  window.addEventListener("pageshow", follow);
})();
