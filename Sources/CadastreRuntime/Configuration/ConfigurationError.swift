/// Why a node does not start with what it was told: which source, where in it, and what to do.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file's path, `environment` or `--set`.
    package var source: String
    /// The line of a file, counted from 1.
    package var line: Int?
    /// The setting or member that is wrong.
    package var key: String?
    /// What is wrong and what to do.
    package var message: String

    /// Describes a mistake.
    package init(source: String, line: Int? = nil, key: String? = nil, _ message: String) {
        self.source = source
        self.line = line
        self.key = key
        self.message = message
    }

    /// `source:line: key: message`, in one line.
    package var description: String {
        var text = source
        if let line { text += ":\(line)" }
        if let key { text += ": \(key)" }
        return text + ": " + message
    }

    /// The exit code of a process that refuses its configuration (`EX_CONFIG`).
    package static let exitCode: Int32 = 78
}

/// The name among `names` that is nearest to a misspelt one, if any is near.
func nearest(to name: String, among names: [String]) -> String? {
    let close = max(2, name.count / 3)
    var best: (name: String, distance: Int)?
    for candidate in names {
        let distance = editDistance(Array(name.utf8), Array(candidate.utf8))
        if distance <= close, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
}

/// Insertions, removals and replacements that turn one text into the other.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    guard left.count <= 128, right.count <= 128 else { return .max }
    var row = Array(0...right.count)
    for (place, byte) in left.enumerated() {
        var diagonal = row[0]
        row[0] = place + 1
        for (column, other) in right.enumerated() {
            let replaced = diagonal + (byte == other ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
        }
    }
    return row[right.count]
}
