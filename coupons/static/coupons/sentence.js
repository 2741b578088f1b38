// The campaign in one sentence, while its form is being filled in. The server builds the sentence.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const shown = document.getElementById("campaign-sentence");
    if (!shown) return;
    const form = shown.closest("form");
    let waiting;
    let latest = 0;

    async function show() {
        const asked = ++latest;
        const answer = await fetch(shown.dataset.url, {
            method: "POST",
            body: new FormData(form),
            credentials: "same-origin",
        });
        if (answer.ok && asked === latest) shown.textContent = (await answer.json()).sentence;
    }

    function later() {
        clearTimeout(waiting);
        waiting = setTimeout(show, 300);
    }

    form.addEventListener("input", later);
    form.addEventListener("change", later);
    form.addEventListener("focusout", later); // the calendar sets a date without an event
    if (shown.dataset.empty) later();
});
