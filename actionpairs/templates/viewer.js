// Compares two pictures of a set: a divider to drag, and a key to blink. The markup of a set:
//   <… class="set"> with pictures <img data-name="before">, and buttons class="open" around one or all of them;
//   [data-title] or an h3 is its heading, [data-text] what stands below. A button with one picture opens that one beside the first.
// Arrow keys go on to the next set that is not hidden. Everything from the page goes in as text.
(() => {
  const at = (name) => document.getElementById(`viewer-${name}`);
  const viewer = document.getElementById("viewer");
  const [stage, box, slider, first, second] = ["stage", "box", "slider", "first", "second"].map(at);
  const [left, right] = [new Image(), new Image()]; // inside the page once they show something
  let current = null; // the set
  let lastBlink = 0;
  const sets = () => [...document.querySelectorAll(".set")].filter((set) => !set.closest("[hidden]"));
  const pictures = () => [...current.querySelectorAll("img[data-name]")];

  function place(percent) {
    slider.value = percent;
    right.style.clipPath = `inset(0 0 0 ${percent}%)`;
    at("divider").style.left = `${percent}%`;
    at("divider").hidden = percent <= 0 || percent >= 100;
    at("left-name").hidden = percent < 12;
    at("right-name").hidden = percent > 88;
    slider.setAttribute("aria-valuetext", percent <= 0 ? `only ${right.alt}` : percent >= 100 ? `only ${left.alt}`
      : `${Math.round(percent)} % ${left.alt}`);
    at("blink").setAttribute("aria-pressed", String(percent <= 0 || percent >= 100));
  }

  function draw() {
    const all = pictures();
    for (const [image, choice, name] of [[left, first, at("left-name")], [right, second, at("right-name")]]) {
      const picture = all[choice.selectedIndex];
      image.src = picture.src;
      image.alt = name.textContent = picture.dataset.name;
    }
    const { naturalWidth: width, naturalHeight: height } = all[0];
    if (!left.isConnected) box.prepend(left, right);
    box.style.setProperty("--aspect", width / height || 16 / 9);
    box.style.setProperty("--widest", `${Math.max(3 * width, 640)}px`);
    place(Number(slider.value));
  }

  function show(set, opened) {
    const before = current && pictures()[second.selectedIndex]?.dataset.name;
    current = set;
    const all = pictures();
    at("title").textContent = set.querySelector("[data-title], h3")?.textContent.trim() ?? "";
    at("text").textContent = [...set.querySelectorAll("[data-text]")].map((each) => each.textContent.trim()).join(" · ");
    for (const choice of [first, second])
      choice.replaceChildren(...all.map((picture) => new Option(picture.dataset.name)));
    at("choice").hidden = all.length < 3;
    first.selectedIndex = 0;
    const same = all.findIndex((picture) => picture.dataset.name === before); // the same model as in the set before
    second.selectedIndex = opened > 0 ? opened : opened === undefined && same > 0 ? same : Math.min(1, all.length - 1);
    const visible = sets();
    at("count").textContent = `${visible.indexOf(set) + 1} of ${visible.length}`;
    draw();
  }

  function step(by) {
    const visible = sets();
    show(visible[(visible.indexOf(current) + by + visible.length) % visible.length]);
  }

  const blink = () => place(Number(slider.value) > 50 ? 0 : 100);

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".set button.open");
    if (!button) return;
    const set = button.closest(".set"), inside = button.querySelectorAll("img[data-name]");
    current = null;
    slider.value = 50;
    show(set, inside.length === 1 ? [...set.querySelectorAll("img[data-name]")].indexOf(inside[0]) : undefined);
    viewer.showModal();
    stage.focus(); // so that no arrow key is taken by a control
  });
  viewer.addEventListener("close", () => current?.querySelector("button.open")?.focus());
  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const { key } = event;
    if (key === "ArrowRight" || key === "ArrowLeft") step(key === "ArrowRight" ? 1 : -1);
    else if (key === "ArrowUp" || key === "ArrowDown")
      place(Math.min(100, Math.max(0, Number(slider.value) + (key === "ArrowUp" ? 5 : -5))));
    else if (key === "b" || key === "B") {
      if (!event.repeat || event.timeStamp - lastBlink > 500) { // a key that is held: twice a second
        lastBlink = event.timeStamp;
        blink();
      }
    } else return;
    event.preventDefault();
  });
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", (event) => stage.hasPointerCapture(event.pointerId) && drag(event));
  function drag(event) {
    const { left: start, width } = box.getBoundingClientRect();
    place(Math.min(100, Math.max(0, (100 * (event.clientX - start)) / width)));
  }
  slider.addEventListener("input", () => place(Number(slider.value)));
  slider.addEventListener("pointerup", () => stage.focus());
  for (const choice of [first, second]) choice.addEventListener("change", draw);
  at("blink").addEventListener("click", blink);
  at("next").addEventListener("click", () => step(1));
  at("previous").addEventListener("click", () => step(-1));
  at("close").addEventListener("click", () => viewer.close());
})();
