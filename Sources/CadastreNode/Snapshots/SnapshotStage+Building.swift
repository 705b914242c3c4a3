internal import CadastreDisk
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// An image becomes a snapshot, a chunk in each turn.
extension SnapshotStage {
    func beginBuilding(
        _ image: StateImage,
        _ start: LogStart,
        into output: inout SnapshotOutput
    ) {
        precondition(building == nil, "a second snapshot is to be made beside the first")
        guard let chunkSize = chunkSize(for: image.size) else {
            output.results.append(.notBuilt("a database of \(image.size) bytes is too large"))
            return
        }
        do throws(StorageError) {
            let builder = try store.build(
                SnapshotSource(
                    path: image.path,
                    size: image.size,
                    group: group,
                    start: start,
                    digestHigh: image.digest.high,
                    digestLow: image.digest.low,
                    clusterTime: image.clusterTime
                ),
                chunkSize: chunkSize
            )
            building = Building(builder: builder, position: image.applied)
        } catch {
            output.results.append(.notBuilt("\(error)"))
        }
    }

    /// The usual size, or as much larger as the manifest needs to go in one message.
    private func chunkSize(for size: Int) -> Int? {
        var chunkSize = settings.snapshotChunkSize
        while size / chunkSize >= Self.maximumChunks {
            guard chunkSize * 2 <= SnapshotManifest.largestChunkSize else { return nil }
            chunkSize *= 2
        }
        return chunkSize
    }

    /// 40 bytes each in a manifest: 2.5 MiB, of the 4 that a message may have.
    private static var maximumChunks: Int { 65_536 }

    /// Goes on by a chunk.
    func build(into output: inout SnapshotOutput) {
        guard let building, !building.isRead else { return }
        do throws(StorageError) {
            guard try building.builder.step() else { return }
            // The bytes count only if nobody wrote the file while they were read.
            self.building?.isRead = true
            output.results.append(.read)
        } catch {
            abandonBuilding("\(error)", into: &output)
        }
    }

    /// All was read while the image was held: it is a snapshot.
    func finishBuilding(into output: inout SnapshotOutput) {
        guard let building else { return }
        do throws(StorageError) {
            _ = try building.builder.finish()
            self.building = nil
            output.results.append(.built(building.position))
        } catch {
            abandonBuilding("\(error)", into: &output)
        }
    }

    func abandonBuilding(_ reason: String, into output: inout SnapshotOutput) {
        guard let building else { return }
        building.builder.abandon()
        self.building = nil
        output.results.append(.notBuilt(reason))
    }
}
