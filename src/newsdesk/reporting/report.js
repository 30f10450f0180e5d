"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const tell = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  try {  // a page opened from a file may have no storage
    const kept = localStorage.getItem("newsdesk-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch (error) { /* the choice lasts as long as the page */ }
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("newsdesk-theme", root.dataset.theme); } catch (error) { /* as above */ }
    tell();
  });
  dark.addEventListener("change", tell);
  theme.hidden = false;
  tell();

  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) links.get(entry.target.id).classList.toggle("here", entry.isIntersecting);
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("main > section").forEach((section) => seen.observe(section));

  const filters = document.getElementById("filters");
  if (!filters) return;
  const STEP = 20;
  const more = document.getElementById("more");
  const count = document.getElementById("count");
  const leftOut = (count.textContent.match(/; .*$/) || ["."])[0];
  // as the model reads: marks and tatweel out, forms of alef, yeh and teh marbuta alike
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
    const asked = new FormData(filters);
    const words = fold(asked.get("search")).split(" ").filter(Boolean);
    const keys = ["head", "label", "outlet", "kind"].filter((key) => asked.get(key));
    let found = 0;
    for (const item of items) {
      const holds = keys.every((key) => item.element.dataset[key] === asked.get(key))
        && (!words.length || words.every((word) => read(item).includes(word)));
      found += holds;
      item.element.hidden = !holds || found > limit;
    }
    count.textContent = `${found} of ${items.length} errors, ${Math.min(found, limit)} shown${leftOut}`;
    more.hidden = found <= limit;
  };
  const anew = () => { limit = STEP; apply(); };
  filters.addEventListener("input", anew);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(anew));
  more.addEventListener("click", () => { limit += STEP; apply(); });
  filters.hidden = false;
  apply();
})();
