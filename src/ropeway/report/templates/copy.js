"use strict";
document.documentElement.classList.add("js");
for (const button of document.querySelectorAll("button.copy")) {
  const name = button.textContent;
  const text = () => button.dataset.text || document.getElementById(button.dataset.from).textContent;
  button.addEventListener("click", () => {
    const said = (word) => {
      button.textContent = word;
      setTimeout(() => { button.textContent = name; }, 1600);
    };
    navigator.clipboard.writeText(text()).then(() => said("Copied"), () => said("Not allowed"));
  });
}
