internal import CadastreClient
internal import CadastreDisk

/// Registers the files of a folder, on a thread of its own.
struct DirectoryImport: Sendable {
    let bucket: [UInt8]
    let prefix: [UInt8]
    let precondition: Precondition?
    let list: AcknowledgedList?

    /// Sends every file; what cannot be registered is named in the report and passed over.
    func run(
        _ walk: FileWalk,
        through makePipeline: (Progress) -> Pipeline
    ) -> ImportReport {
        var walk = walk
        var report = ImportReport()
        let progress = Progress("objects", total: walk.count())
        let pipeline = makePipeline(progress)
        let hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while !pipeline.isOver, let file = walk.next() {
            report.objects += 1
            let key = prefix + file.relativePath
            if list?.contains(bucket: bucket, key: key) == true {
                report.skipped_recorded += 1
                progress.add()
                continue
            }
            guard key.count <= 1024 else {
                pipeline.fail("\(Escaped.bytes(key)): the key has more than 1024 bytes")
                continue
            }
            do throws(FileFacts.Unreadable) {
                let facts = try FileFacts(
                    path: file.path,
                    key: key,
                    links: .refused,
                    hash: hash,
                    buffer: &buffer
                )
                var put = facts.put(into: bucket)
                put.precondition = precondition
                pipeline.put(put, name: Escaped.bytes(key)) { [bucket, list] in
                    list?.add(bucket: bucket, key: key)
                }
            } catch {
                pipeline.fail("\(Escaped.bytes(file.path)): cannot be read: \(error.reason)")
            }
        }
        report.take(pipeline.drain(), progress, list)
        report.skipped_links = walk.skipped.links
        report.skipped_others = walk.skipped.others
        report.unreadable = walk.skipped.unreadable
        return report
    }
}
