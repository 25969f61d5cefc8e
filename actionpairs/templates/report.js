// Sorts and draws over the samples of a report.
const list = document.getElementById("cases");
const sort = document.getElementById("sort");
const cases = [...list.children].map((element) => ({ element, scores: JSON.parse(element.dataset.scores) }));

function order() {
  const [column, direction] = sort.value.split(" ").map(Number);
  const last = (value) => (value === null ? Infinity : direction * value); // unscored samples come last
  const sorted = sort.value ? cases.toSorted((a, b) => last(a.scores[column]) - last(b.scores[column]) || 0) : cases;
  list.append(...sorted.map((item) => item.element));
}

// The path of the arrows for a text of gallery.motion_text: a line and two barbs per cell. A unit is a hundredth of the
// side of a square of the picture's area.
function arrows(text, columns, { width, height }) {
  const halves = Int8Array.from(atob(text), (byte) => byte.charCodeAt(0));
  const rows = halves.length / 2 / columns;
  let path = "";
  for (let cell = 0; cell < rows * columns; cell++) {
    const [right, down] = [halves[2 * cell] / 2, halves[2 * cell + 1] / 2];
    const length = Math.hypot(right, down);
    if (!length) continue;
    const [x, y] = [((cell % columns) + 0.5) * (width / columns), (Math.floor(cell / columns) + 0.5) * (height / rows)];
    const barb = Math.min(2.5, length / 2) / length;
    path += `M${x} ${y}l${right} ${down}`;
    for (const side of [0.6, -0.6])
      path += `M${x + right} ${y + down}l${-barb * (right - side * down)} ${-barb * (down + side * right)}`;
  }
  return path;
}

// Thousands of drawings at once would block the page: a sample's are drawn when it comes near the window.
const near = new IntersectionObserver((entries) => {
  for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
    for (const drawing of target.querySelectorAll(".motion")) {
      const path = arrows(drawing.dataset.cells, Number(drawing.dataset.columns), drawing.viewBox.baseVal);
      drawing.innerHTML = `<path class="shade" d="${path}"/><path d="${path}"/>`;
    }
    near.unobserve(target);
  }
}, { rootMargin: "100%" });
for (const { element } of cases) near.observe(element);

document.getElementById("motion").addEventListener("change", (event) => list.classList.toggle("moving", event.target.checked));
sort.addEventListener("change", order);
if (sort.value) order(); // a browser may keep what was chosen before
