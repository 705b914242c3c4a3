internal import ArgumentParser
internal import Foundation

/// The seeds that once broke a promise, in a file that only grows: one on each line, with what it
/// found behind a `#`.
///
/// They are lived before any other, since whatever broke once breaks again.
struct FailedSeeds {
    private let file: URL
    /// In the order of the file.
    let seeds: [UInt64]

    /// Reads a file.
    ///
    /// - Throws: `ValidationError` that names the line that is no seed; what the system says if the
    ///   file cannot be read.
    init(path: String) throws {
        file = URL(filePath: path)
        let text = try String(contentsOf: file, encoding: .utf8)
        var seeds: [UInt64] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let said = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
            guard !said.isEmpty else { continue }
            guard let seed = UInt64(said) else {
                throw ValidationError(
                    "line \(number + 1) of \(path) is no seed: \(said.prefix(40)); a line is a number, "
                        + "and what it found behind a #"
                )
            }
            seeds.append(seed)
        }
        self.seeds = seeds
    }

    /// Adds a seed that is not there yet.
    ///
    /// - Throws: What the system says if the file cannot be written; it is then what it was.
    func add(_ seed: UInt64, found what: String) throws {
        guard !seeds.contains(seed) else { return }
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        try handle.seekToEnd()
        let line = what.split(separator: "\n").first ?? ""
        try handle.write(contentsOf: Data("\(seed)  # \(line)\n".utf8))
    }
}
