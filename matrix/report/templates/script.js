"use strict";
(function () {
  // Whoever follows a link to something that is folded away finds it open, in older browsers too.
  function reveal() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (var e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  function say(text) {
    document.getElementById("said").textContent = text;
  }

  function button(name, label, act) {
    var b = document.createElement("button");
    b.type = "button";
    b.textContent = name;
    if (label) b.setAttribute("aria-label", label);
    b.addEventListener("click", function () { act(b); });
    return b;
  }

  // A page from a file may have no clipboard of its own: then the text is selected and copied.
  function copy(code) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(code.textContent);
    getSelection().selectAllChildren(code);
    return document.execCommand("copy") ? Promise.resolve() : Promise.reject();
  }

  document.querySelectorAll(".command").forEach(function (box) {
    var code = box.querySelector("code");
    box.append(button("Copy", "Copy the command", function (b) {
      copy(code).then(function () {
        b.textContent = "Copied";
        say("Copied");
        setTimeout(function () { b.textContent = "Copy"; }, 1500);
      }, function () {
        getSelection().selectAllChildren(code);
        say("The command is selected: copy it with the keyboard");
      });
    }));
  });

  function fold(open) {
    return function () {
      document.querySelectorAll("details.cell, details.case").forEach(function (d) { d.open = open; });
    };
  }
  document.getElementById("buttons").append(button("Open all", "", fold(true)), button("Close all", "", fold(false)));
})();
