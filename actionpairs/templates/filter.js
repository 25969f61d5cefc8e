// Filters the items of a list. <form data-list="ID"> has selects named after the items' data attributes (data-action …), a
// search field over all that the items say, and an output for the count. A select named "sheet" chooses among the
// items' data-sheets, {"sheet": position}, and brings them into that order.
for (const form of document.querySelectorAll("form[data-list]")) {
  const list = document.getElementById(form.dataset.list);
  const items = [...list.children].map((element) => ({
    element,
    text: element.textContent.toLowerCase(),
    places: JSON.parse(element.dataset.sheets ?? "{}"),
  }));
  const controls = [...form.querySelectorAll("select[name], input[type=search]")];
  const sheet = form.elements.sheet;
  const fits = (item, { name, type, value }) =>
    value === "" ||
    (type === "search" ? value.toLowerCase().split(/\s+/).every((word) => item.text.includes(word))
      : name === "sheet" ? value in item.places
      : item.element.dataset[name] === value);

  function show(event) {
    if (sheet && event?.target === sheet) {
      const place = (item) => item.places[sheet.value] ?? 0;
      const order = sheet.value === "" ? items : items.toSorted((a, b) => place(a) - place(b));
      list.append(...order.map((item) => item.element));
      form.parentElement.querySelector(".sheet-text").textContent = sheet.selectedOptions[0].dataset.text ?? "";
    }
    let count = 0;
    for (const item of items) {
      item.element.hidden = !controls.every((control) => fits(item, control));
      count += !item.element.hidden;
    }
    form.querySelector("output").textContent = `${count} of ${items.length} shown`;
  }
  for (const control of controls) control.addEventListener(control.type === "search" ? "input" : "change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => show({ target: sheet })));
  show();
}
