internal import CadastreClient
internal import CadastreProtocol

/// A log of commits as tables on object stores keep it, for which all clients contend.
///
/// Each commit is a file of the next number, which must not be there yet.
final class CommitLog {
    /// The first number that is not known to be taken.
    private(set) var next: UInt64 = 0
    private let run: String

    /// A log of this run's own.
    init(_ run: String) { self.run = run }

    /// The key of a commit.
    func key(_ version: UInt64) -> [UInt8] {
        let number = String(version)
        let zeros = String(repeating: "0", count: max(0, 20 - number.utf8.count))
        return Array("warehouse/db0/table\(run)/_delta_log/\(zeros)\(number).json".utf8)
    }

    /// A commit of this number was made by this client or, so the condition did not hold, by
    /// another.
    func answered(_ version: UInt64, _ outcome: RawOutcome) {
        switch outcome {
        case .done: next = max(next, version + 1)
        case .refused(let refused) where refused.reason == .preconditionFailed:
            next = max(next, version + 1)
        case .refused, .unknown: break
        }
    }
}

/// Who has read which object in order to put it if it is still the same.
final class Swaps {
    /// What a client has read.
    struct Held: Hashable {
        /// Where.
        var place: UInt64
        /// What; nil if there was nothing.
        var etag: [UInt8]?
    }

    private var held: [UInt64: Held] = [:]

    /// What a client has read since its last put; it is used up.
    func take(_ process: UInt64) -> Held? { held.removeValue(forKey: process) }

    /// A client was told what is at a place.
    func read(_ place: UInt64, _ outcome: RawOutcome, by process: UInt64) {
        switch outcome {
        case .done(.query(.object(let object)), _):
            held[process] = Held(place: place, etag: object.etag)
        case .refused(let refused) where refused.reason == .noSuchObject:
            held[process] = Held(place: place, etag: nil)
        case .done, .refused, .unknown: break
        }
    }
}

/// Who lists what, page by page: every other client the whole bucket, the others folders.
final class Walks {
    /// Folders are listed down to this depth.
    static let maximumDepth: UInt64 = 6

    private struct Walk {
        /// Nil of the whole bucket.
        var folder: [UInt8]?
        var after: [UInt8] = []
    }

    private let bucket: [UInt8]
    private var walks: [UInt64: Walk] = [:]

    /// Walks through this bucket.
    init(_ bucket: [UInt8]) { self.bucket = bucket }

    /// A page of the objects and folders of a folder.
    func folders(of folder: [UInt8], after: [UInt8], maximum: Int) -> ListObjects {
        ListObjects(
            bucket: bucket,
            prefix: folder,
            delimiter: Array("/".utf8),
            after: after,
            maximum: maximum
        )
    }

    /// The next page of a client's walk, or the first of a new one, if through folders of this.
    func operation(of process: UInt64, folder: [UInt8], maximum: Int) -> BenchOperation {
        let walk = walks[process] ?? Walk(folder: process % 2 == 0 ? nil : folder)
        let list =
            walk.folder.map { folders(of: $0, after: walk.after, maximum: maximum) }
            ?? ListObjects(bucket: bucket, after: walk.after, maximum: maximum)
        return BenchOperation(
            kind: walk.folder == nil ? .list : .listFolders,
            request: Submission(.query, list.encoded),
            answered: { [self] outcome in
                guard case .done(.query(.objects(let page)), _) = outcome else { return }
                walks[process] =
                    page.next.isEmpty ? nil : Walk(folder: walk.folder, after: page.next)
            }
        )
    }
}
