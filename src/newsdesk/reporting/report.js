"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const showTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  try {  // a page opened from a file may have no storage
    const saved = localStorage.getItem("newsdesk-theme");
    if (saved === "dark" || saved === "light") root.dataset.theme = saved;
  } catch (error) { /* the choice lasts until the page is closed */ }
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("newsdesk-theme", root.dataset.theme); } catch (error) { /* as above */ }
    showTheme();
  });
  dark.addEventListener("change", showTheme);
  theme.hidden = false;
  showTheme();

  const list = document.querySelector("nav ul");  // in one line that scrolls, unless the window is wide
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const link = links.get(target.id);
      link.classList.toggle("here", isIntersecting);
      if (isIntersecting) list.scrollLeft = link.offsetLeft - list.clientWidth / 3;
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("main > section").forEach((section) => seen.observe(section));

  const showEdges = ({ target }) => {  // of a wide table or the list of sections: where it continues
    const { scrollLeft, clientWidth, scrollWidth } = target;
    target.parentElement.classList.toggle("scrolled", scrollLeft > 1);
    target.parentElement.classList.toggle("more", scrollLeft + clientWidth < scrollWidth - 1);
  };
  const resized = new ResizeObserver((entries) => entries.forEach(showEdges));
  document.querySelectorAll(".scroll, nav ul").forEach((scrolled) => {
    scrolled.addEventListener("scroll", showEdges, { passive: true });
    resized.observe(scrolled);
  });

  const filters = document.getElementById("filters");
  if (!filters) return;
  const STEP = 20;
  const more = document.getElementById("more");
  const count = document.getElementById("count");
  const leftOut = (count.textContent.match(/; .*$/) || ["."])[0];
  // as the model normalizes: without marks and tatweel; forms of alef, yeh and teh marbuta are the same
  const fold = (text) => text.normalize("NFKC").replace(/[\u0610-\u061a\u064b-\u065f\u0670\u0640]/g, "")
    .replace(/[أإآٱ]/g, "ا").replace(/ى/g, "ي").replace(/ة/g, "ه").replace(/\s+/g, " ").toLowerCase();
  const items = [...document.querySelectorAll(".mistake")].map((element) => ({ element, folded: null }));
  let limit = STEP;
  const read = (item) => {
    if (item.folded === null) {
      const texts = [...item.element.querySelectorAll("[dir=rtl]")].map((e) => e.textContent);
      item.folded = fold([item.element.dataset.id, ...texts].join(" "));
    }
    return item.folded;
  };
  const apply = () => {
    const query = new FormData(filters);
    const words = fold(query.get("search")).split(" ").filter(Boolean);
    const keys = ["head", "label", "outlet", "kind"].filter((key) => query.get(key));
    let found = 0;
    for (const item of items) {
      const matches = keys.every((key) => item.element.dataset[key] === query.get(key))
        && (!words.length || words.every((word) => read(item).includes(word)));
      found += matches;
      item.element.hidden = !matches || found > limit;
    }
    count.textContent = `${found} of ${items.length} errors, ${Math.min(found, limit)} shown${leftOut}`;
    more.hidden = found <= limit;
  };
  const restart = () => { limit = STEP; apply(); };
  filters.addEventListener("input", restart);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(restart));
  more.addEventListener("click", () => { limit += STEP; apply(); });
  filters.hidden = false;
  apply();
})();
