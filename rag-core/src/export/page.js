"use strict";
(() => {
  const all = (query, within = document) => [...within.querySelectorAll(query)];
  const numbers = (element) => element.dataset.c.split(" ");
  for (const hidden of all(".tools, [data-copy]")) hidden.hidden = false;

  // One stretch stays lit: the last that was clicked.
  let kept = null;
  const light = (element) => {
    for (const lit of all(".lit")) lit.classList.remove("lit");
    if (!element) return [];
    const wanted = new Set(numbers(element));
    const found = all("[data-c]", element.closest("article")).filter((other) => numbers(other).some((n) => wanted.has(n)));
    for (const other of found) other.classList.add("lit");
    return found;
  };
  const choose = (element) => {
    kept = kept === element ? null : element;
    const found = light(kept);
    const other = kept && found.find((f) => f.localName !== kept.localName);
    if (!other) return;
    const details = other.closest("details");
    if (details) details.open = true;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    other.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  };
  for (const element of all("[data-c]")) {
    element.addEventListener("mouseenter", () => light(element));
    element.addEventListener("mouseleave", () => light(kept));
    element.addEventListener("focus", () => light(element));
    element.addEventListener("blur", () => light(kept));
    element.addEventListener("click", () => choose(element));
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(element);
    });
  }

  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const has = (text) => words.every((word) => text.toLowerCase().includes(word));
    let shown = 0;
    const articles = all("article");
    for (const article of articles) {
      const own = all("h2, .text", article).map((e) => e.textContent).join(" ");
      let any = has(own);
      const whole = any;
      for (const details of all("details", article)) {
        const fits = whole || has(details.textContent);
        details.hidden = !fits;
        any = any || fits;
      }
      article.hidden = !any;
      shown += any ? 1 : 0;
    }
    count.textContent = words.length ? shown + " of " + articles.length : "";
  };
  filter.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === "Escape") {
      filter.value = "";
      kept = null;
      light(null);
      show();
    }
  });

  const fold = document.getElementById("fold");
  let open = true;
  fold.addEventListener("click", () => {
    open = !open;
    for (const details of all("details")) details.open = open;
    fold.textContent = open ? "Close passages" : "Open passages";
  });

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  for (const button of all("[data-copy]")) {
    const name = button.textContent;
    button.addEventListener("click", async () => {
      await copy(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = name; }, 1500);
    });
  }
})();
