// SPDX-License-Identifier: MIT
//
// Where a chunk of batch_norm's sums lies (batch_norm.abi.h), and sums over a workgroup.

struct Chunk {
    uint channel;
    uint images, size;  // of this chunk
    uint start;           // element of x
    uint result;          // pair of the partial sums
};

// Workgroups are numbered block, channel, part.
Chunk chunk_of(uint group)
{
    uint part = group % p.parts, block_channel = group / p.parts;
    uint block = block_channel / p.channels, channel = block_channel % p.channels;
    uint image = block * p.images_per_block;
    Chunk k;
    k.channel = channel;
    k.images = min(p.images_per_block, p.n_images - (p.row0 * p.images_per_block + image));
    k.size = min(p.part_length, p.plane - part * p.part_length);
    k.start = (image * p.channels + channel) * p.plane + part * p.part_length;
    k.result = ((p.row0 + block) * p.parts + part) * p.channels + channel;
    return k;
}
