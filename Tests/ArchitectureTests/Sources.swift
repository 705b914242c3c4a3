import Foundation

/// The repository as text, for rules that the compiler cannot keep.
enum Repository {
    /// The folder that holds `Package.swift`.
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// One Swift file of a target.
    struct File: CustomStringConvertible, Sendable {
        /// Which target it belongs to.
        var target: String
        /// Its path below the root.
        var path: String
        /// What it says, comments taken out.
        var lines: [String]

        var description: String { path }
    }

    /// The Swift files of a target that people write, in order.
    static func files(of target: String) throws -> [File] {
        let folder = root.appending(path: "Sources/\(target)")
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
        return try names.filter { $0.hasSuffix(".swift") && !$0.hasPrefix("Generated/") }.map {
            let text = try String(contentsOf: folder.appending(path: $0), encoding: .utf8)
            return File(
                target: target,
                path: "Sources/\(target)/\($0)",
                lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(code)
            )
        }
    }

    /// A line without its comment and without the contents of its string literals.
    private static func code(_ line: Substring) -> String {
        var result = ""
        var isQuoted = false
        var previous: Character = " "
        for character in line {
            if character == "\"", previous != "\\" { isQuoted.toggle() }
            if !isQuoted, character == "/", previous == "/" {
                result.removeLast()
                return result
            }
            if !isQuoted || character == "\"" { result.append(character) }
            previous = character
        }
        return result
    }
}
