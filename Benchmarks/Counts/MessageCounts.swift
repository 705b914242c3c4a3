import BenchmarkLoad
import CadastreProtocol

/// Bytes of what travels between a client and a node for one put.
enum MessageCounts {
    static func take(into table: inout Table) {
        let caller = Caller(tenant: TenantID(1), session: .max / 3)
        var puts = PutStream(of: caller, .random, keyCount: 100_000)
        let envelope = puts.next()
        var request: [UInt8] = []
        Frame.append(.request, group: 0, requestID: 1, to: &request) { bytes in
            RequestMessage(identity: envelope.identity, content: .command(envelope.command))
                .append(to: &bytes)
        }
        var reply: [UInt8] = []
        Frame.append(.reply, group: 0, requestID: 1, to: &reply) { bytes in
            ReplyMessage(
                outcome: .done(.command(.done(sequence: 1))),
                appliedIndex: 1
            ).append(to: &bytes)
        }
        table.add("put.request-bytes", request.count, per: 1)
        table.add("put.reply-bytes", reply.count, per: 1)
        table.add("put.logged-bytes", envelope.encode().count, per: 1)
    }
}
