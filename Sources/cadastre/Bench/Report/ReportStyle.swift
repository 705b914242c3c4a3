/// How the report of a bench looks, by day and by night.
enum ReportStyle {
    /// The page's style sheet.
    static let css = """
        :root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #17202c; \
        --faint: #5b6778; --rule: #e3e7ec; --frame: #9aa5b3; \
        --c0: #2563d9; --c1: #d4541e; --c2: #1f8f5f; --c3: #a53a97; --c4: #8a6a00; \
        --c5: #0b8399; --c6: #c2334d; --c7: #6552d0; --c8: #566374; }
        @media (prefers-color-scheme: dark) { :root { --page: #10151c; --card: #18202a; \
        --ink: #e8edf3; --faint: #9fadbd; --rule: #2a3441; --frame: #64748a; \
        --c0: #6ea4ff; --c1: #ff9563; --c2: #53cf98; --c3: #e08bd5; --c4: #e0bd4a; \
        --c5: #4cc9de; --c6: #ff8095; --c7: #a99bff; --c8: #a9b6c6; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink); \
        font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
        main { max-width: 940px; margin: 0 auto; padding: 36px 20px 56px; }
        h1 { font-size: 27px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
        h2 { font-size: 16px; margin: 0; }
        header p { margin: 0; color: var(--faint); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); \
        gap: 12px; margin: 26px 0; }
        .tile, figure, section { background: var(--card); border: 1px solid var(--rule); \
        border-radius: 10px; }
        .tile { padding: 14px 16px; }
        .tile b { display: block; font-size: 23px; line-height: 1.25; \
        font-variant-numeric: tabular-nums; }
        .tile span { color: var(--faint); font-size: 13px; }
        figure, section { margin: 0 0 16px; padding: 18px 20px; }
        figcaption { display: flex; flex-wrap: wrap; gap: 4px 20px; align-items: baseline; \
        justify-content: space-between; margin-bottom: 8px; }
        .legend { display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; margin: 0; \
        padding: 0; font-size: 13px; color: var(--faint); }
        .swatch { display: inline-block; width: 14px; height: 3px; border-radius: 2px; \
        margin-right: 6px; vertical-align: middle; background: currentColor; }
        svg { display: block; width: 100%; height: auto; }
        svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
        .tick { fill: var(--faint); font-variant-numeric: tabular-nums; }
        .axis { fill: var(--ink); }
        .grid { stroke: var(--rule); }
        .frame { fill: none; stroke: var(--frame); }
        .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; \
        stroke-linecap: round; }
        .area { fill: currentColor; opacity: 0.12; }
        .dot { fill: currentColor; }
        .c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
        .c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
        .c6 { color: var(--c6); } .c7 { color: var(--c7); } .c8 { color: var(--c8); }
        .note { margin: 6px 0 0; font-size: 13px; color: var(--faint); }
        .scroll { overflow-x: auto; }
        table { width: 100%; border-collapse: collapse; margin-top: 8px; font-size: 14px; }
        th, td { padding: 6px 10px; text-align: right; white-space: nowrap; \
        border-bottom: 1px solid var(--rule); font-variant-numeric: tabular-nums; }
        th { color: var(--faint); font-weight: 600; }
        th:first-child, td:first-child { text-align: left; padding-left: 0; }
        tbody tr:last-child td { border-bottom: 0; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 22px; \
        margin: 10px 0 0; font-size: 14px; }
        dt { color: var(--faint); }
        dd { margin: 0; overflow-wrap: anywhere; }
        @media print { body { background: none; } .tile, figure, section { break-inside: avoid; } }
        """
}
