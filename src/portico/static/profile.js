// The profile page: propose the time zone of this device, and say early that a picture is too large.

for (const button of document.querySelectorAll("[data-zone-proposal]")) {
  const select = document.getElementById(button.dataset.zoneProposal);
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const option = [...select.options].find((each) => each.value && each.value === zone);
  if (!option || select.value === zone) continue;
  button.textContent = button.textContent.replace("{zone}", zone.replaceAll("_", " "));
  button.hidden = false;
  button.addEventListener("click", () => {
    select.value = zone;
    button.hidden = true;
    select.focus();
  });
}

for (const input of document.querySelectorAll("[data-size-max]")) {
  input.addEventListener("change", () => {
    const isTooLarge = [...input.files].some((file) => file.size > Number(input.dataset.sizeMax));
    input.setCustomValidity(isTooLarge ? input.dataset.tooLarge : "");
    if (isTooLarge) input.reportValidity();
  });
}
