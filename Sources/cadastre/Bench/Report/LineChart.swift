/// Lines over two axes, as SVG that stands in a page.
struct LineChart {
    /// A line, which may have gaps.
    struct Series {
        var name: String
        /// Which of the page's colours it has.
        var color: Int
        /// Ascending by x; with nil as y the line is interrupted.
        var points: [(x: Double, y: Double?)]
        /// Whether what lies below the line is filled.
        var isFilled = false
    }

    /// What it shows; unique in its page.
    var title: String
    /// What else there is to say about it.
    var note: String
    var x: Axis
    var y: Axis
    var series: [Series]

    private static let width = 860.0
    private static let height = 340.0
    private static let left = 76.0
    private static let right = 24.0
    private static let top = 14.0
    private static let bottom = 54.0

    /// The figure with its title, legend, picture and note.
    var html: String {
        """
        <figure>
        <figcaption><h2>\(HTML.text(title))</h2>\(legend)</figcaption>
        <svg viewBox="0 0 \(number(Self.width)) \(number(Self.height))" role="img" \
        aria-label="\(HTML.text(title))">
        \(grid)
        \(series.map { line($0) }.joined(separator: "\n"))
        \(axisTitles)
        </svg>
        <p class="note">\(HTML.text(note))</p>
        </figure>
        """
    }

    private var legend: String {
        let items = series.map {
            "<li><span class=\"swatch c\($0.color)\"></span>\(HTML.text($0.name))</li>"
        }
        return "<ul class=\"legend\">\(items.joined())</ul>"
    }

    private var grid: String {
        let (right, bottom) = (Self.width - Self.right, Self.height - Self.bottom)
        var lines = y.ticks.map { tick in
            let place = number(screenY(tick.position))
            return """
                <line class="grid" x1="\(number(Self.left))" y1="\(place)" x2="\(number(right))" \
                y2="\(place)"/><text class="tick" x="\(number(Self.left - 10))" y="\(place)" \
                dy="0.32em" text-anchor="end">\(HTML.text(tick.label))</text>
                """
        }
        lines += x.ticks.map { tick in
            let place = number(screenX(tick.position))
            return """
                <line class="grid" x1="\(place)" y1="\(number(Self.top))" x2="\(place)" \
                y2="\(number(bottom))"/><text class="tick" x="\(place)" y="\(number(bottom + 20))" \
                text-anchor="middle">\(HTML.text(tick.label))</text>
                """
        }
        lines.append(
            """
            <path class="frame" d="M\(number(Self.left)) \(number(Self.top))V\(number(bottom))\
            H\(number(right))"/>
            """
        )
        return lines.joined(separator: "\n")
    }

    private var axisTitles: String {
        let middle = (Self.left + Self.width - Self.right) / 2
        let half = (Self.top + Self.height - Self.bottom) / 2
        return """
            <text class="axis" x="\(number(middle))" y="\(number(Self.height - 8))" \
            text-anchor="middle">\(HTML.text(x.title))</text>
            <text class="axis" transform="translate(16 \(number(half))) rotate(-90)" \
            text-anchor="middle">\(HTML.text(y.title))</text>
            """
    }

    /// A path for each part of the line without a gap; a part of one point is a dot.
    private func line(_ series: Series) -> String {
        let parts = series.points.split { $0.y == nil }.map { part in
            part.compactMap { point in
                point.y.map { (screenX(x.position(point.x)), screenY(y.position($0))) }
            }
        }
        return parts.map { part in
            guard part.count > 1 else {
                return part.map {
                    "<circle class=\"dot c\(series.color)\" cx=\"\(number($0.0))\" "
                        + "cy=\"\(number($0.1))\" r=\"2.5\"/>"
                }.joined()
            }
            let steps = part.map { "\(number($0.0)) \(number($0.1))" }.joined(separator: "L")
            var path = "<path class=\"line c\(series.color)\" d=\"M\(steps)\"/>"
            if series.isFilled {
                let base = number(Self.height - Self.bottom)
                path =
                    "<path class=\"area c\(series.color)\" d=\"M\(steps)V\(base)"
                    + "H\(number(part[0].0))Z\"/>" + path
            }
            return path
        }.joined(separator: "\n")
    }

    private func screenX(_ position: Double) -> Double {
        Self.left + min(max(position, 0), 1) * (Self.width - Self.left - Self.right)
    }

    private func screenY(_ position: Double) -> Double {
        let bottom = Self.height - Self.bottom
        return bottom - min(max(position, 0), 1) * (bottom - Self.top)
    }

    private func number(_ value: Double) -> String { Readable.decimal(value, 1) }
}

/// What stands in a page.
enum HTML {
    /// Text whose marks mean nothing to a browser.
    static func text(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// A table with its headings; all cells but the first of a row are numbers.
    static func table(_ headings: [String], _ rows: [[String]]) -> String {
        let head = headings.map { "<th>\(text($0))</th>" }.joined()
        let body = rows.map { row in
            "<tr>" + row.map { "<td>\(text($0))</td>" }.joined() + "</tr>"
        }
        return """
            <div class="scroll"><table><thead><tr>\(head)</tr></thead><tbody>
            \(body.joined(separator: "\n"))
            </tbody></table></div>
            """
    }
}
