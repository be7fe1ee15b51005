# A Linux kernel to every boot loader: it prints its command line and the size of its initrd on the first serial port,
# and ends QEMU (isa-debug-exit). Documentation/arch/x86/boot.rst of Linux is the source of every field.
	.set	COM1, 0x3f8
	.set	LINE_STATUS, COM1 + 5
	.set	HOLDING_EMPTY, 0x20		# a byte may be written
	.set	ALL_SENT, 0x40
	.set	DEBUG_EXIT, 0xf4		# lab/grub/bare.py gives the device this port
	.set	RAMDISK_SIZE, 0x21c		# offsets in the boot parameters
	.set	CMD_LINE_PTR, 0x228
	.set	LOAD_ADDRESS, 0x100000

	.code32
	.globl	_start
_start:						# the real-mode part is never run: only its header counts
	.org	0x1f1
	.byte	1				# setup_sects: one beside the boot sector
	.word	0				# root_flags
	.long	(end - protected + 15) / 16	# syssize
	.word	0, 0xffff, 0			# ram_size, vid_mode, root_dev
	.word	0xaa55				# boot_flag
	.byte	0xeb, header_end - magic	# jump: tells the length of the header
magic:	.ascii	"HdrS"
	.word	0x020a				# protocol version
	.long	0				# realmode_swtch
	.word	0, 0				# start_sys_seg, kernel_version
	.byte	0, 1				# type_of_loader, loadflags: loaded high
	.word	0				# setup_move_size
	.long	LOAD_ADDRESS			# code32_start
	.long	0, 0, 0				# ramdisk_image, ramdisk_size, bootsect_kludge
	.word	0				# heap_end_ptr
	.byte	0, 0				# ext_loader_ver, ext_loader_type
	.long	0				# cmd_line_ptr
	.long	0x7fffffff			# initrd_addr_max
	.long	0x1000				# kernel_alignment
	.byte	0, 12				# relocatable_kernel, min_alignment
	.word	0				# xloadflags
	.long	2047				# cmdline_size, as x86 kernels have it
	.long	0				# hardware_subarch
	.quad	0				# hardware_subarch_data
	.long	0, 0				# payload_offset, payload_length
	.quad	0				# setup_data
	.quad	LOAD_ADDRESS			# pref_address
	.long	0x10000				# init_size
header_end:
	.org	0x400
protected:					# 32-bit entry: esi points to the boot parameters, flat segments
	movl	%esi, %ebp
	movl	$(LOAD_ADDRESS + hello - protected), %esi
	call	print
	movl	CMD_LINE_PTR(%ebp), %esi
	call	print
	movl	$(LOAD_ADDRESS + initrd - protected), %esi
	call	print
	movl	RAMDISK_SIZE(%ebp), %ebx
	movl	$8, %ecx			# hexadecimal digits
digit:	roll	$4, %ebx
	movl	%ebx, %eax
	andl	$15, %eax
	movb	LOAD_ADDRESS + digits - protected(%eax), %al
	call	put
	loop	digit
	movl	$(LOAD_ADDRESS + newline - protected), %esi
	call	print
	movw	$LINE_STATUS, %dx
sent:	inb	%dx, %al
	testb	$ALL_SENT, %al
	jz	sent
	movw	$DEBUG_EXIT, %dx
	outb	%al, %dx
stop:	hlt
	jmp	stop

print:	lodsb
	testb	%al, %al
	jz	done
	call	put
	jmp	print
done:	ret

put:	movb	%al, %ah
	movw	$LINE_STATUS, %dx
busy:	inb	%dx, %al
	testb	$HOLDING_EMPTY, %al
	jz	busy
	movb	%ah, %al
	movw	$COM1, %dx
	outb	%al, %dx
	ret

hello:	.asciz	"\r\nB70 boots <"
initrd:	.asciz	"> initrd "
newline: .asciz	"\r\n"
digits:	.ascii	"0123456789abcdef"
end:
