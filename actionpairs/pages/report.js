// Sorts, filters and draws over the samples of a report.
const list = document.getElementById("cases");
const sort = document.getElementById("sort");
const action = document.getElementById("action");
const cases = [...list.children].map((element) => ({
  element,
  action: element.dataset.action,
  scores: JSON.parse(element.dataset.scores),
}));

function show() {
  const [column, direction] = sort.value.split(" ").map(Number);
  const last = (value) => (value === null ? Infinity : direction * value); // unscored samples come last
  const order = sort.value ? cases.toSorted((a, b) => last(a.scores[column]) - last(b.scores[column]) || 0) : cases;
  list.append(...order.map((item) => item.element));
  for (const item of cases) item.element.hidden = action.value !== "" && item.action !== action.value;
  document.getElementById("count").textContent =
    `${cases.filter((item) => !item.element.hidden).length} shown`;
}

document.getElementById("motion").addEventListener("change", (event) => list.classList.toggle("moving", event.target.checked));
sort.addEventListener("change", show);
action.addEventListener("change", show);
show();
