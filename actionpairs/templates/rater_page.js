// Asks a rater about one edit after the other; the page defines ITEMS, PICTURES and REPORT.
const at = (id) => document.getElementById(id);
const questions = [...at("questions").children];
const names = questions.map((question) => question.dataset.question);
const storageKey = `actionpairs ratings ${REPORT}`;
let state = JSON.parse(localStorage.getItem(storageKey)) ?? { rater: "", answers: [] }; // answers: true or false, in order

const edit = () => Math.floor(state.answers.length / names.length); // the number of the current one
const isDone = () => edit() >= ITEMS.length;

function show() {
  localStorage.setItem(storageKey, JSON.stringify(state));
  at("begin").hidden = state.rater !== "";
  at("rating").hidden = state.rater === "" || isDone();
  at("end").hidden = state.rater === "" || !isDone();
  at("saving").hidden = state.rater === "";
  if (state.rater === "") return at("rater").focus();
  if (isDone()) return at("save").focus();
  const { instruction, before, after } = ITEMS[edit()];
  at("instruction").textContent = instruction;
  at("before").src = PICTURES[before];
  at("after").src = PICTURES[after];
  at("count").textContent = `Edit ${edit() + 1} of ${ITEMS.length}`;
  at("bar").style.width = `${(100 * edit()) / ITEMS.length}%`;
  const answered = state.answers.slice(edit() * names.length);
  questions.forEach((question, number) => {
    question.classList.toggle("current", number === answered.length);
    for (const button of question.querySelectorAll("button"))
      button.classList.toggle("chosen", number < answered.length && String(answered[number]) === button.dataset.answer);
  });
}

function answer(isYes) {
  if (state.rater === "" || isDone()) return;
  state.answers.push(isYes);
  show();
}

function takeBack() {
  state.answers.pop();
  show();
}

function save() {
  const answers = ITEMS.slice(0, edit()).map(({ item }, number) => ({
    item,
    ...Object.fromEntries(names.map((name, place) => [name, state.answers[number * names.length + place]])),
  }));
  const link = document.createElement("a");
  const text = JSON.stringify({ report: REPORT, rater: state.rater, answers }, null, 1);
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `answers-${state.rater.replace(/[^\p{L}\p{N}-]+/gu, "_")}.json`;
  link.click();
  at("saved").textContent = `${link.download}: ${answers.length} of ${ITEMS.length} edits`;
}

at("begin").addEventListener("submit", (event) => {
  event.preventDefault();
  state.rater = at("rater").value.trim();
  show();
});
at("save").addEventListener("click", save);
at("questions").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.closest("li").classList.contains("current")) answer(button.dataset.answer === "true");
});
document.addEventListener("keydown", (event) => {
  if (state.rater === "" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "y" || event.key === "Y") answer(true);
  else if (event.key === "n" || event.key === "N") answer(false);
  else if (event.key === "Backspace") takeBack();
  else return;
  event.preventDefault();
});
show();
