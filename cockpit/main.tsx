import { render } from "preact";
import { App } from "./app";
import "./ui/theme.css";
import "./ui/base.css";
import "./ui/parts.css";
import "./pages/pages.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
