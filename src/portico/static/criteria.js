// A new password, while it is typed: criteria tick off, both fields agree, a meter guides. The server decides.

const TESTS = {
  length: (password, count) => [...password.normalize("NFC")].length >= count,
  upper: (password) => /[A-Z]/.test(password),
  lower: (password) => /[a-z]/.test(password),
  digit: (password) => /[0-9]/.test(password),
  symbol: (password) => /[^A-Za-z0-9]/u.test(password),
};

for (const form of document.querySelectorAll("[data-new-password]")) watch(form);

function watch(form) {
  const [first, second] = [form.elements.new_password, form.elements.repeat_password];
  const list = form.querySelector("[data-criteria]");
  const status = list.querySelector("[role=status]");
  const items = [...list.querySelectorAll("[data-criterion]")].filter((item) => item.dataset.criterion in TESTS);
  const agreement = document.getElementById("repeat_password-live");
  const strength = form.querySelector(".strength");
  const words = strength.dataset.words.replace(/^\[|~*\]$/g, "").split(/,\s*/);
  const button = form.querySelector("button.primary");
  let announcement;

  function look() {
    const password = first.value;
    let met = 0;
    for (const item of items) {
      const isMet = TESTS[item.dataset.criterion](password, Number(item.dataset.count));
      item.classList.toggle("is-met", isMet);
      item.querySelector(".unseen").textContent = ` (${isMet ? list.dataset.met : list.dataset.unmet})`;
      met += Number(isMet);
    }
    const isEnough = met === items.length;
    const isSame = password === second.value;
    button.disabled = !(isEnough && isSame);
    first.closest(".field").classList.toggle("accepted", isEnough);
    second.closest(".field").classList.toggle("accepted", isEnough && isSame);
    say(agreement, second.value && (isSame ? agreement.dataset.agree : agreement.dataset.differ));
    const score = password && isEnough ? Math.max(1, guess(password)) : password ? 1 : 0;
    strength.querySelector("meter").value = score;
    strength.querySelector("span").textContent = password ? words[score] : "";
    clearTimeout(announcement);
    const progress = list.dataset.progress.replace("{met}", met).replace("{total}", items.length);
    announcement = setTimeout(() => say(status, password && progress), 700);
  }

  form.addEventListener("input", look);
  addEventListener("pageshow", look);
  look();
}

function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

// 0 to 4, from how many tries a guesser who knows the habits of people would need. It guides and never rules.
function guess(password) {
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  const plain = password.toLowerCase().replace(/(.)\1+/gu, "$1").replace(/abc|123|qwe|asd|pass|word/g, "-");
  const bits = new Set(plain).size * 0.6 + plain.length * (1.6 + kinds * 0.35);
  return bits < 18 ? 0 : bits < 28 ? 1 : bits < 40 ? 2 : bits < 54 ? 3 : 4;
}
