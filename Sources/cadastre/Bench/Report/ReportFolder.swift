internal import Foundation

/// The folder into which a bench writes its report: a page and the numbers behind it.
struct ReportFolder: Sendable {
    private let path: String

    /// Makes the folder unless it is there.
    ///
    /// - Throws: `Failure` if it cannot be made.
    init(_ path: String) throws(Failure) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
        } catch {
            throw Failure(
                .cannotCreate,
                "the folder \(Escaped.text(path)) cannot be made: "
                    + Escaped.text(error.localizedDescription),
                advice: "check the path and its permissions"
            )
        }
    }

    /// Where the page is.
    var index: String { "\(path)/index.html" }

    /// Writes both files anew.
    ///
    /// - Throws: `Failure` if they cannot be written.
    func write(_ report: BenchReport) throws(Failure) {
        let now = UInt64(max(0, Date().timeIntervalSince1970 * 1000))
        try write(Console.encoded(report) + "\n", to: "\(path)/report.json")
        try write(ReportPage(report, at: now).html, to: index)
    }

    private func write(_ text: String, to path: String) throws(Failure) {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw Failure(
                .inputOutput,
                "\(Escaped.text(path)) cannot be written: "
                    + Escaped.text(error.localizedDescription),
                advice: "make room or write elsewhere"
            )
        }
    }
}
